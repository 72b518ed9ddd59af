import { fileURLToPath } from 'node:url'
import { DatapipeError, describeError } from '../base/errors.ts'
import { localStorage } from './local.ts'
import type { Storage } from './storage.ts'

/** The storage behind a repository URL. Nothing is touched yet. Throws `config-invalid` for what is not supported. */
export function openStorage(url: string): Storage {
  const supported = 'supported: file:///absolute/path'
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'file:') {
    throw new DatapipeError('config-invalid', `repository.url: ${parsed?.protocol ?? 'this'} is not a storage that Datapipe knows`, {
      path: 'repository.url',
      hint: supported,
    })
  }
  try {
    return localStorage(fileURLToPath(parsed).replace(/(?<=.)\/+$/, ''))
  } catch (error) {
    throw new DatapipeError('config-invalid', `repository.url: ${describeError(error)}`, { path: 'repository.url', hint: supported, cause: error })
  }
}
