/**
 * Where the drop-in consumer answers otherwise than the real tool unless `--compat strict` is given. Each row of the table in docs/avro-console.md
 * stands here with the captured cases that show it, and with what the safe answer must be.
 */
export interface Difference {
  /** The row's name in docs/avro-console.md. */
  name: string
  cases: string[]
  /** The captured one when left out. */
  exitCode?: number
  /** The safe stdout out of the captured one. */
  stdout: (captured: string) => string | RegExp
  /** What stderr must say. */
  says?: RegExp
}

const same = (captured: string) => captured

export const differences: Difference[] = [
  {
    name: 'nothing-to-read',
    cases: ['topic-does-not-exist', 'partition-does-not-exist', 'bootstrap-down', 'bootstrap-down-partition'],
    exitCode: 1,
    stdout: same,
    says: /^ERROR Nothing could be read: (topic .* does not exist|topic .* has no partition 9|broker 127\.0\.0\.1:1 does not answer)/m,
  },
  {
    name: 'header-values',
    cases: ['headers-default', 'headers-header.deserializer-is-ignored'],
    stdout: (captured) =>
      captured
        .replace('a:null,b:null', 'a:1,b:two')
        .replace('a:null,a:null', 'a:x,a:y')
        .replace('e:null', 'e:')
        .replace('u:null', 'u:\ufffd\0\ufffd')
        .replace('ké:null,n:null,z:null', 'ké:é,n:null,z:q')
        .replaceAll(/^a:null(?=\t)/gm, 'a:1'),
  },
  {
    name: 'half-lines',
    cases: ['skip-error-off', 'stock-log4j-bad-record', 'skip-error-on', 'headers-LongDeserializer-bad', 'type/top-null-skip', 'key-ok-value-bad'],
    stdout: (captured) => captured.replace(/Offset:1\t(?=$|Offset)/, '').replace(/^(a:|Offset:0\t|"k"\t)(?=$|"k2")/, ''),
  },
  {
    name: 'maps-of-nulls',
    cases: ['type/top-map-null-first'],
    stdout: () => '{"a":null,"b":{"string":"x"}}\n',
  },
  {
    name: 'empty-lines-for-dates',
    cases: ['type/top-long-logical-converters', 'type/top-date-converters'],
    stdout: (captured) => (captured === '\n' ? /^-?\d+\n$/ : captured),
  },
  {
    name: 'byte-array-identity',
    cases: ['key-ByteArrayDeserializer'],
    stdout: () => 'abc\t{"name":"u0","age":0}\n',
  },
  {
    name: 'skipping-while-the-registry-is-down',
    cases: ['auth-user-info-wrong-skip', 'registry-down-skip'],
    exitCode: 1,
    stdout: same,
    says: /^ERROR (Authentication failed: terminating consumer process|Unknown error when running consumer: )/m,
  },
]
