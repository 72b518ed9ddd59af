import { z } from 'zod'
import { recoveryPointSchema } from '../base/recovery-point-shape.ts'
import { artifactSchema } from './artifact.ts'

export type { RecoveryPoint } from '../base/recovery-point-shape.ts'

/** The newest manifest format this version writes; `readers` in read-manifest.ts knows every older one. */
export const manifestFormat = 1

/**
 * The list of artifacts and the recovery point. Its presence *is* the backup: written last, removed first.
 * `components.X` is that component's own part, parsed by its own schema.
 */
export const manifestSchema = z.strictObject({
  format: z.literal(manifestFormat),
  id: z.string(),
  /** What `backup --label` said. */
  label: z.string().optional(),
  createdBy: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** False when something wanted could not be stored: `findings` lists the gaps, and `backup` exits with 22. */
  complete: z.boolean(),
  recoveryPoint: recoveryPointSchema,
  components: z.strictObject({
    postgres: z.unknown().optional(),
    kafka: z.unknown().optional(),
    registry: z.unknown().optional(),
    connect: z.unknown().optional(),
  }),
  findings: z.array(
    z.strictObject({
      severity: z.enum(['harm', 'warning', 'note']),
      code: z.string(),
      component: z.enum(['postgres', 'kafka', 'registry', 'connect']),
      item: z.string(),
      message: z.string(),
      next: z.string().optional(),
    }),
  ),
  phases: z.array(z.strictObject({ name: z.string(), seconds: z.number() })),
  artifacts: z.array(artifactSchema),
})
export type Manifest = z.infer<typeof manifestSchema>
