import { defineConfig } from 'vitest/config'

/** Nothing is retried. Three suites run at a time: each starts real servers (1 GB at most), which wait more than they work, on a machine with two cores. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 } },
      {
        test: {
          name: 'suites',
          include: ['suites/**/*.suite.ts'],
          globalSetup: ['suites/set-up.ts'],
          maxWorkers: 3,
          testTimeout: 600_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
