/**
 * Settings of every server's JVM: the serial collector, because these heaps are small and two cores are shared by four servers;
 * a heap that is given back rather than kept. Sizes are chosen so that all four servers fit into 3 GiB.
 */
export function javaOptions(options: { heapMiB: number; steady?: boolean | undefined; log?: boolean }): string[] {
  return [
    `-Xmx${options.heapMiB}m`,
    '-Xms64m',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-XX:+ExitOnOutOfMemoryError',
    '-Djava.awt.headless=true',
    '-Djava.net.preferIPv4Stack=true',
    // C1 only: a third less CPU for servers that live for a minute. A broker whose speed is measured is given its time to warm up.
    ...(options.steady ? [] : ['-XX:TieredStopAtLevel=1']),
    ...(options.log ? ['-Dorg.slf4j.simpleLogger.showDateTime=true', '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS'] : []),
  ]
}

/** The text of a Java properties file; values may hold anything but a line end. */
export function propertiesFile(properties: Record<string, string | number | boolean>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${String(value).replaceAll('\\', '\\\\')}\n`)
    .join('')
}
