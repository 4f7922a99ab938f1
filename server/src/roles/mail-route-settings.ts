import type { Config } from '#config/sections.ts'
import type { MailRouteSettings } from '#delivery/mail-routes.ts'

const LOOPBACK = '127.0.0.1'
const HTTPS_PORT = 443

/** Whether relays may be on private addresses and on this machine. */
export function mayRelayPrivately(config: Config): boolean {
  return config.PIGEON_ALLOW_PRIVATE_ADDRESSES || config.PIGEON_ALLOW_PRIVATE_RELAYS
}

/** How mail finds its way in each mode: through the real DNS to port 25, or through the windtunnel's. */
export function mailRouteSettings(config: Config): MailRouteSettings {
  const hasTls = config.PIGEON_TLS_POLICY !== 'none'
  return {
    live: {
      dnsServers: config.PIGEON_DNS_SERVERS,
      port: config.PIGEON_SMTP_PORT,
      allowPrivate: config.PIGEON_ALLOW_PRIVATE_ADDRESSES,
      dnssec: hasTls && config.PIGEON_DNSSEC,
      ...(hasTls && config.PIGEON_MTA_STS ? { sts: { port: HTTPS_PORT } } : {}),
    },
    sandbox: {
      dnsServers: [`${LOOPBACK}:${config.PIGEON_WINDTUNNEL_DNS_PORT}`],
      port: config.PIGEON_WINDTUNNEL_SMTP_PORT,
      allowPrivate: true,
      dnssec: false,
    },
  }
}
