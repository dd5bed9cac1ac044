// Types of ours that are not the published ones, each with the reason. A type that is not in the table and
// differs fails, and so does an entry that no longer differs.

export interface KnownType {
  /** As the comparison names it: `index.Server`, `experimental.Picker`, `metadata.MetadataObject`. */
  readonly name: string;
  readonly reason: string;
}

const OWN_MESSAGES = 'messages of channelz are typed here by what they hold, without proto-loader';

export const KNOWN_TYPES: readonly KnownType[] = [
  { name: 'typeof index.getChannelzServiceDefinition', reason: OWN_MESSAGES },
  { name: 'typeof index.getChannelzHandlers', reason: OWN_MESSAGES },
];
