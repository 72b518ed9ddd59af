/**
 * Groups that a server makes anew, under a random name, at each of its starts: their positions mean nothing to anybody, and while the server
 * runs they cannot be deleted. Apicurio Registry: one `apicurio-<uuid>` for reading its journal.
 */
export function isEphemeralGroup(groupId: string): boolean {
  return /^apicurio-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(groupId)
}
