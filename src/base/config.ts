import { z } from 'zod'

/**
 * The shape of `datapipe.yaml`. Unknown keys are errors (a misspelt key that is ignored is how backups go missing).
 * Secrets arrive here resolved: `${ENV}` and `file:PATH` references are replaced by the loader.
 */
const secret = z.string().min(1)

/** PEM texts. `ca` takes the place of the system's authorities; `cert` and `key` are shown to a server that asks for them. */
const tls = z.strictObject({
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  /** The name that the server's certificate must have, when it is not the host's. */
  servername: z.string().optional(),
})
export type TlsConfig = z.infer<typeof tls>

export const postgresConfigSchema = z.strictObject({
  /**
   * Connection URL of a role with REPLICATION and membership in pg_read_all_data (or a superuser). TLS as everywhere in PostgreSQL:
   * `?sslmode=verify-full&sslrootcert=FILE`, and `sslcert`, `sslkey`.
   */
  url: z.string().regex(/^postgres(ql)?:\/\//, 'must start with postgres://'),
  /** The server's data directory as this machine sees it: needed to restore, not to back up. */
  dataDirectory: z.string().optional(),
  /**
   * How the base backup is compressed, and where: `zstd` (the default) and `lz4` by the server, where it was built with them, else by
   * Datapipe with zstd; `client-zstd` by Datapipe in any case, which spares the server's processors.
   */
  compression: z.enum(['zstd', 'lz4', 'client-zstd']).optional(),
  /** Threads that the server compresses with, by zstd alone; 2 when left out, 0: in the process that sends. */
  compressionWorkers: z.int().min(0).max(64).optional(),
  /** Where pg_receivewal, pg_ctl and the others are, when not on PATH or under /usr/lib/postgresql/N/bin. */
  binDirectory: z.string().optional(),
  archive: z
    .discriminatedUnion('mode', [
      /** Datapipe streams the WAL itself (`pg_receivewal`) through a physical slot of its own. */
      z.strictObject({
        mode: z.literal('receive'),
        slot: z
          .string()
          .regex(/^[a-z0-9_]{1,63}$/)
          .default('datapipe_wal'),
      }),
      /** The server archives (`archive_command = 'datapipe archive-wal %p PATH'`) into a directory that Datapipe reads. */
      z.strictObject({ mode: z.literal('directory'), path: z.string() }),
    ])
    .default({ mode: 'receive', slot: 'datapipe_wal' }),
  /**
   * A logical slot that backups make and keep at the newest recovery point: topics that are lost while the database lives can then be
   * caught up without a gap. It keeps the WAL behind that point on the server.
   */
  guardSlot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/)
    .optional(),
  /** Starts the restored server in earnest (after the fence); `pg_ctl start` when left out. Run by `sh -c`. */
  startCommand: z.string().optional(),
})

export const kafkaConfigSchema = z.strictObject({
  bootstrapServers: z.array(z.string().regex(/^[^:]+:\d+$/, 'must be host:port')).min(1),
  topics: z
    .strictObject({
      /** Globs (`*` and `?`); every other character, dots too, is taken literally. Each must match a topic. */
      include: z.array(z.string()).min(1).default(['*']),
      exclude: z.array(z.string()).default([]),
    })
    .default({ include: ['*'], exclude: [] }),
  groups: z
    .strictObject({ include: z.array(z.string()).default(['*']), exclude: z.array(z.string()).default([]) })
    .default({ include: ['*'], exclude: [] }),
  sasl: z.strictObject({ mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']), username: z.string(), password: secret }).optional(),
  /** Present, also when empty: the brokers are spoken to by TLS. */
  tls: tls.optional(),
  /** How files of batches are stored: `zstd` costs processor time and saves room where the producers have not compressed. */
  storeCompression: z.enum(['none', 'zstd']).default('none'),
  restore: z
    .strictObject({
      /** Replicas of the topics that a restore creates, instead of their own: for a cluster with fewer brokers. */
      replicationFactor: z.int().min(1).max(32767).optional(),
    })
    .optional(),
})

export const registryConfigSchema = z.strictObject({
  /** Root URL, or the URL of the Confluent-compatible API; which server it is gets probed. */
  url: z.url(),
  username: z.string().optional(),
  password: secret.optional(),
  /** With an https:// URL. */
  tls: tls.optional(),
  /** The topic behind the registry, when it is not `_schemas` or `kafkasql-journal`. */
  topic: z.string().optional(),
  /** Starts the registry when its topic was restored raw. Run by `sh -c`. */
  startCommand: z.string().optional(),
})

export const connectConfigSchema = z.strictObject({
  url: z.url(),
  username: z.string().optional(),
  password: secret.optional(),
  /** With an https:// URL. */
  tls: tls.optional(),
  /** The worker's internal topics, when not named so. */
  configTopic: z.string().default('connect-configs'),
  offsetTopic: z.string().default('connect-offsets'),
  statusTopic: z.string().default('connect-status'),
  /** Debezium PostgreSQL connectors (by name) that read another server than `postgres.url`: their offsets are kept as they are. */
  otherServers: z.array(z.string()).optional(),
  /** `keep`: back the raw topic of configurations up also when connectors' secrets stand in it in clear; otherwise that is refused. */
  secretsInClear: z.enum(['refuse', 'keep']).optional(),
  /** Starts the workers once their internal topics are restored. Run by `sh -c`. */
  startCommand: z.string().optional(),
})

export const configSchema = z.strictObject({
  repository: z.strictObject({ url: z.string().regex(/^file:\/\//, 'must be a file:// URL') }),
  postgres: postgresConfigSchema.optional(),
  kafka: kafkaConfigSchema.optional(),
  registry: registryConfigSchema.optional(),
  connect: connectConfigSchema.optional(),
})

export type DatapipeConfig = z.infer<typeof configSchema>
export type PostgresConfig = z.infer<typeof postgresConfigSchema>
export type KafkaConfig = z.infer<typeof kafkaConfigSchema>
export type RegistryConfig = z.infer<typeof registryConfigSchema>
export type ConnectConfig = z.infer<typeof connectConfigSchema>
