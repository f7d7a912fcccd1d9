// Visits the pages with a browser, and tells as JSON what the pages saw.
//
// Usage: node visit.mjs CHROMIUM PROFILE PAGES WEIR KEY TOKEN

import { chromium } from 'playwright-core'

const [executablePath, profile, pages, weir, key, token] = process.argv.slice(2)
const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']
const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args })
const page = await browser.newPage()
page.setDefaultTimeout(20_000)
const seen = { errors: [] }
page.on('pageerror', error => seen.errors.push(String(error)))

const batch = () => page.waitForResponse(answer => answer.url() === `${weir}/v1/batch`)

// A view, and a call that had to wait for the snippet.
let sent = batch()
await page.goto(`${pages}/shop.html?from=mail`)
seen.first = (await sent).status()

// A number with a name, and views without a page load; a heading of the same page is none.
sent = batch()
await page.evaluate(() => {
  weir('signup', { plan: 'pro', value: 3 })
  history.pushState(null, '', '/shop.html?step=2')
  location.hash = 'prices'
})
await sent
sent = batch()
await page.evaluate(() => history.go(-2))
await sent

// What JSON cannot say is left out, and what has more bytes than characters holds nothing up.
sent = batch()
await page.evaluate(() => {
  weir('unsaid', { n: 10n })
  for (let n = 0; n < 25; n++) weir('long', { n, text: '漢'.repeat(1500) })
})
await sent
await batch()

// The answer is lost on its way, so the same is sent again.
let lost = 0
await page.route(`${weir}/v1/batch`, async route => {
  const answer = await route.fetch()
  lost++
  if (answer.ok() && lost === 1) return route.abort()
  await route.fulfill({ response: answer })
})
sent = batch()
await page.evaluate(() => weir('repeated'))
await sent
await page.unroute(`${weir}/v1/batch`)
seen.answersLost = lost - 1

// What is not yet sent when the page is left goes by a beacon.
await page.evaluate(() => { for (let n = 0; n < 45; n++) weir('left', { n }) })
await page.goto('about:blank')

// What the old tracker of FocusLab sends, from a page: a preflight comes first.
await page.goto(`${pages}/quiet.html`)
const trigger = given => page.evaluate(async ([url, given]) => {
  const body = { actor_id: 'cookie-1', action: 'viewed', object: 'blog post', variables: { user_agent: navigator.userAgent } }
  const headers = { 'Content-Type': 'application/json', 'X-FL-API-KEY': given }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return answer.status
}, [`${weir}/api/v1/trigger/`, given])
seen.trigger = await trigger(key)
seen.triggerWithBadKey = await trigger('wk_nobody-has-this-one')

// Only what the page says itself.
sent = batch()
await page.evaluate(() => weir('quiet'))
await sent
seen.kept = await page.evaluate(() => [document.cookie, localStorage.length, sessionStorage.length])
seen.cookies = await browser.cookies()

// The page among the examples: a view, a click that is counted, and one that changes the address.
sent = batch()
await page.goto(`${pages}/example.html`)
await page.click('text=Sign up')
await page.click('text=Next step')
await sent

// Weir's own interface: for pages of the configured origin, and for no others.
const ask = () => page.evaluate(async ([url, token]) => {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await fetch(url, { headers }).catch(error => error)
  return answer instanceof Error ? answer.name : [answer.status, answer.headers.get('link') !== null]
}, [`${weir}/api/raw?namespace=web&name=left&limit=1`, token])
seen.asked = await ask()
await page.goto(`${pages.replace('127.0.0.1', 'localhost')}/quiet.html`)
seen.askedFromElsewhere = await ask()

await browser.close()
console.log(JSON.stringify(seen))
