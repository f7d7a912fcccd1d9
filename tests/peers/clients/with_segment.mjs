// Tracks by `@segment/analytics-node`. Usage: node with_segment.mjs ADDRESS KEY EVENTS

import { setTimeout as sleep } from 'node:timers/promises'
import { Analytics } from '@segment/analytics-node'

const [host, writeKey, events] = process.argv.slice(2)
const failures = []
const analytics = new Analytics({ host, writeKey })
analytics.on('error', ({ code, reason }) => failures.push(`${code}: ${reason}`))
for (let n = 0; n < Number(events); n++) {
  analytics.track({ userId: `user ${n % 7}`, event: 'Order Completed', properties: { n, plan: 'pro' } })
  await sleep(1)
}
await analytics.closeAndFlush()
console.log(JSON.stringify(failures))
