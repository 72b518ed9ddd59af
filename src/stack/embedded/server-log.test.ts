import { expect, test } from 'vitest'
import { explainingLines } from './server-log.ts'

test('the head of an error is shown when its stack trace alone would fill the last lines', () => {
  const trace = Array.from({ length: 60 }, (_, index) => `\tat org.example.Server.handle(Server.java:${index})`)
  const words = explainingLines(['10:00 INFO started', 'java.lang.IllegalStateException: the topic is gone', ...trace].join('\n'))
  expect(words.split('\n')[0]).toBe('java.lang.IllegalStateException: the topic is gone')
  expect(words.split('\n')).toHaveLength(13)
  expect(words).not.toContain('started')
})

test('an error that repeats is shown once, as it was last', () => {
  const failures = Array.from({ length: 50 }, (_, index) => `10:00:${index} ERROR request ${index} failed`)
  expect(explainingLines(failures.join('\n')).split('\n')).toEqual([failures[37], ...failures.slice(-12)])
})
