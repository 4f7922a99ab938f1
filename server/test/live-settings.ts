import { testPorts } from './test-ports.ts'

/** Settings for `runPlatform`: live mode, with the windtunnel for the Internet. */
export async function liveSettings(): Promise<Record<string, string>> {
  const [smtp, dns] = await testPorts(2)
  return {
    PIGEON_MODE: 'live',
    PIGEON_WINDTUNNEL_SMTP_PORT: String(smtp),
    PIGEON_WINDTUNNEL_DNS_PORT: String(dns),
    PIGEON_SMTP_PORT: String(smtp),
    PIGEON_DNS_SERVERS: `127.0.0.1:${dns}`,
    PIGEON_ALLOW_PRIVATE_ADDRESSES: 'true',
    PIGEON_MTA_STS: 'false',
    PIGEON_RETRY_FIRST_SECONDS: '1',
    PIGEON_RETRY_MAX_SECONDS: '2',
  }
}
