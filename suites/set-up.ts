import { silentContext } from '../src/base/context.ts'
import { describeError } from '../src/base/errors.ts'
import { startOrder } from '../src/stack/embedded/embedded-stack.ts'
import { ensurePrograms } from '../src/stack/embedded/ensure-programs.ts'
import { resolveJars } from '../src/stack/embedded/resolve-jars.ts'

/** Once before the suites: the programs are there (or installed, with DATAPIPE_INSTALL=1) and the servers are in the cache, or one clear error. */
export default async function setUp(): Promise<void> {
  const context = silentContext({
    emit: (event) => {
      if (event.type === 'log') console.error(event.message)
    },
  })
  try {
    const programs = await ensurePrograms({ components: [...startOrder], install: process.env.DATAPIPE_INSTALL === '1', context })
    if (programs.java !== undefined) await resolveJars({ context, maven: programs.maven, java: programs.java.program })
  } catch (error) {
    throw new Error(`the suites need real servers: ${describeError(error)}`, { cause: error })
  }
}
