import { silentContext } from '../src/base/context.ts'
import { parsePostgresPart } from '../src/components/postgres/index.ts'
import { unpackBase, unpackWal } from '../src/components/postgres/restore-files.ts'
import { openBackup } from '../src/repository/open-backup.ts'
import { createArtifactReader } from '../src/repository/artifact-reader.ts'
import { localStorage } from '../src/storage/local.ts'

/** What `pgbackrest restore` does: the files of the newest backup, durable, and no server. Arguments: the repository, an empty directory. */
const [repository = '', to = ''] = process.argv.slice(2)
const context = silentContext()
const storage = localStorage(repository)
const { manifest } = await openBackup(storage, 'latest')
const part = parsePostgresPart(manifest.components.postgres)
const files = { part, reader: createArtifactReader(storage, manifest.artifacts, context), owner: undefined, context }
await unpackWal(`${to}.wal`, files)
await unpackBase(to, { ...files, tablespacePath: ({ location }) => location, durable: true })
