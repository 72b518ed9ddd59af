import { createHttpClient } from '../../clients/http.ts'

/** Whether GET of this URL is answered with a status of 2xx within 10 seconds. `tls.ca`: PEM text of what to trust. */
export async function httpAnswers(url: string, credentials: { username?: string; password?: string; tls?: { ca: string } } = {}): Promise<boolean> {
  try {
    const { origin, pathname } = new URL(url)
    await createHttpClient({ name: 'server', url: origin, ...credentials, timeoutMs: 10_000, signal: new AbortController().signal }).request(
      'GET',
      pathname,
    )
    return true
  } catch {
    // Refused, reset or too slow: it does not answer yet, which is the question.
    return false
  }
}
