// What the config selector of a channel says of each call, where it can still be heeded: as the call is
// placed. A selector may fail the call, tell the picker more, make it wait for ready, and hear that it
// was placed.
// Invariant: a selector is asked once for each call, and again only if it was replaced meanwhile.
// gRFC A31. Not here: timeouts, retries and filters of a call config, which come too late here.

import { type PickInfo, Metadata as SluiceMetadata } from 'sluice';
import type { ChannelAttributes } from './channel-attributes.ts';
import { fromSluice } from './metadata-bridge.ts';
import type { CallConfig, ConfigSelector } from './resolver.ts';

interface Selected {
  readonly selector: ConfigSelector;
  readonly config: CallConfig;
}

/** The call configs of one channel. */
export class PickInformation {
  private readonly attributes: ChannelAttributes;
  private readonly selected: WeakMap<PickInfo, Selected>;

  constructor(attributes: ChannelAttributes) {
    this.attributes = attributes;
    this.selected = new WeakMap();
  }

  /** Undefined where the channel has no selector, and for what is no call. */
  configOf(call: PickInfo): CallConfig | undefined {
    const { configSelector: selector, channelId } = this.attributes;
    // The channel itself asks for any backend by an empty path.
    if (selector === undefined || call.path === '') return undefined;
    const before = this.selected.get(call);
    if (before?.selector === selector) return before.config;
    const metadata = fromSluice(SluiceMetadata.fromFields(call.fields));
    const config = selector.invoke(call.path, metadata, channelId);
    this.selected.set(call, { selector, config });
    return config;
  }
}

const known: WeakMap<ChannelAttributes, PickInformation> = new WeakMap();

/** The one of a channel: its policies ask for the same calls. */
export function pickInformation(attributes: ChannelAttributes): PickInformation {
  let information = known.get(attributes);
  if (information === undefined) {
    information = new PickInformation(attributes);
    known.set(attributes, information);
  }
  return information;
}
