import { BlockList, isIP, isIPv4 } from 'node:net'

/**
 * Words in the User-Agent of programs that fetch links without anybody having clicked: security gateways and previews of
 * chat programs say who they are, libraries give their name. Lower case; from the documentation of their makers.
 */
const AGENT_WORDS = [
  // Gateways and safe browsing.
  'barracuda',
  'proofpoint',
  'mimecast',
  'ironport',
  'ciscosecureemail',
  'fortimail',
  'sophos',
  'trendmicro',
  'symantec',
  'zscaler',
  'bingpreview',
  'google-safety',
  'googlesafebrowsing',
  'appengine-google',
  'virustotal',
  // Previews.
  'facebookexternalhit',
  'slackbot',
  'twitterbot',
  'linkedinbot',
  'discordbot',
  'telegrambot',
  'whatsapp/',
  'skypeuripreview',
  'ms-office',
  // Libraries, and browsers without a screen.
  'headlesschrome',
  'phantomjs',
  'puppeteer',
  'playwright',
  'python-requests',
  'python-urllib',
  'aiohttp',
  'go-http-client',
  'okhttp',
  'apache-httpclient',
  'java/',
  'curl/',
  'wget/',
  'libwww-perl',
  'node-fetch',
  'axios/',
  // Whoever calls himself one.
  'bot/',
  'bot;',
  'crawler',
  'spider',
  'scanner',
] as const

/** Programs that fetch pictures for a person who is looking at the message (Gmail, Yahoo): a person, seen through a proxy. */
const PROXY_WORDS = ['googleimageproxy', 'yahoomailproxy'] as const

/**
 * Networks of security gateways, as their makers publish them for allow lists, and of Microsoft's mail protection. A short
 * list of what stays the same for years, not of everybody who rents machines: a network alone never decides.
 */
const NETWORKS = [
  // Barracuda.
  '64.235.144.0/20',
  '209.222.80.0/21',
  // Proofpoint.
  '67.231.144.0/20',
  '148.163.128.0/19',
  '205.220.160.0/20',
  // Mimecast.
  '63.128.21.0/24',
  '205.139.110.0/24',
  '207.211.30.0/24',
  // Microsoft 365.
  '40.92.0.0/15',
  '40.107.0.0/16',
  '52.100.0.0/14',
  '104.47.0.0/17',
] as const

/** Apple's own, from which Mail Privacy Protection fetches pictures when it does not use a partner's. */
const APPLE_NETWORKS = ['17.0.0.0/8'] as const

const gateways = blockList(NETWORKS)
const apple = blockList(APPLE_NETWORKS)

export function isKnownMachine(userAgent: string): boolean {
  const text = userAgent.toLowerCase()
  return AGENT_WORDS.some((word) => text.includes(word))
}

export function isImageProxy(userAgent: string): boolean {
  const text = userAgent.toLowerCase()
  return PROXY_WORDS.some((word) => text.includes(word))
}

export function isGatewayNetwork(address: string): boolean {
  return isWithin(gateways, address)
}

export function isAppleNetwork(address: string): boolean {
  return isWithin(apple, address)
}

function isWithin(list: BlockList, address: string): boolean {
  if (isIP(address) === 0) return false
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', bits] = network.split('/')
    list.addSubnet(address, Number(bits), 'ipv4')
  }
  return list
}
