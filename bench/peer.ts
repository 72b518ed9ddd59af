import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** The two configuration files of the peer (OSO kafka-backup 0.30), with its own defaults for everything but the place and the codec. */
export async function peerFiles(options: { directory: string; bootstrap: string; topic: string; compression: string }) {
  const { directory, bootstrap, topic, compression } = options
  const cluster = { bootstrap_servers: bootstrap.split(','), topics: { include: [topic] } }
  const storage = { backend: 'filesystem', path: join(directory, 'data') }
  const backup = join(directory, 'backup.yaml')
  const restore = join(directory, 'restore.yaml')
  await writeFile(
    backup,
    stringify({
      mode: 'backup',
      backup_id: 'bench',
      source: cluster,
      storage,
      backup: { compression, continuous: false, start_offset: 'earliest', consumer_group_snapshot: false },
      offset_storage: { db_path: join(directory, 'offsets.db') },
    }),
  )
  await writeFile(
    restore,
    stringify({ mode: 'restore', backup_id: 'bench', target: cluster, storage, restore: { create_topics: true, produce_acks: -1, dry_run: false } }),
  )
  return { backup, restore }
}
