/** Whether GET of this URL is answered with a status of 2xx within 10 seconds. */
export async function httpAnswers(url: string, credentials?: { user: string; password: string }): Promise<boolean> {
  const headers: Record<string, string> = {}
  if (credentials !== undefined) headers.authorization = `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`
  try {
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(10_000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    // Refused, reset or too slow: it does not answer yet, which is the question.
    return false
  }
}
