import type { Config } from '#config/sections.ts'
import type { MailRouteSettings } from '#delivery/mail-routes.ts'

const LOOPBACK = '127.0.0.1'

/** How mail finds its way in each mode: through the real DNS to port 25, or through the windtunnel's. */
export function mailRouteSettings(config: Config): MailRouteSettings {
  return {
    live: {
      dnsServers: config.PIGEON_DNS_SERVERS,
      port: config.PIGEON_SMTP_PORT,
      allowPrivate: config.PIGEON_ALLOW_PRIVATE_ADDRESSES,
    },
    sandbox: {
      dnsServers: [`${LOOPBACK}:${config.PIGEON_WINDTUNNEL_DNS_PORT}`],
      port: config.PIGEON_WINDTUNNEL_SMTP_PORT,
      allowPrivate: true,
    },
  }
}
