// Tracks by `@segment/analytics-node`. Usage: node with_segment.mjs ADDRESS KEY EVENTS; one of each other kind follows.

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
analytics.identify({ userId: 'ada', traits: { plan: 'pro' } })
analytics.page({ userId: 'ada', name: 'Home', properties: { path: '/' } })
analytics.screen({ userId: 'ada', name: 'Home', properties: { value: 2 } })
analytics.group({ userId: 'ada', groupId: 'engineers', traits: { size: 3 } })
analytics.alias({ userId: 'ada', previousId: 'anonymous' })
await analytics.closeAndFlush()
console.log(JSON.stringify(failures))
