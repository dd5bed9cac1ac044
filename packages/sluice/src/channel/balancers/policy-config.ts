// Reading the JSON configs of balancing policies.
// Invariant: a field is what its policy expects or is named in an error with its value.

/**
 * The fields of a policy's config; none when there is no config.
 * @throws TypeError when it is no object
 */
export function fieldsOf(config: unknown, policy: string): Readonly<Record<string, unknown>> {
  if (config === undefined) return {};
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) {
    // The fields are checked one by one by who asked.
    return config as Record<string, unknown>;
  }
  throw new TypeError(`${policy} is ${JSON.stringify(config)}; it must be an object`);
}
