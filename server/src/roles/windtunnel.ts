import { inboundDomain } from '#config/inbound.ts'
import { startWindtunnel } from '#windtunnel/start-windtunnel.ts'
import type { Context, RunningRole } from './context.ts'

const LOOPBACK = '127.0.0.1'

export async function startWindtunnelRole(context: Context): Promise<RunningRole> {
  const { config } = context
  return startWindtunnel(context, {
    dataDir: config.PIGEON_DATA_DIR,
    seed: config.PIGEON_WINDTUNNEL_SEED,
    dns: { host: LOOPBACK, port: config.PIGEON_WINDTUNNEL_DNS_PORT },
    smtpPort: config.PIGEON_WINDTUNNEL_SMTP_PORT,
    control: { host: LOOPBACK, port: config.PIGEON_WINDTUNNEL_CONTROL_PORT },
    tls: config.PIGEON_WINDTUNNEL_TLS,
    profiles: config.PIGEON_WINDTUNNEL_PROFILES,
    habits: config.PIGEON_WINDTUNNEL_HABITS,
    inboundDomain: inboundDomain(config),
    timeScale: config.PIGEON_WINDTUNNEL_TIME_SCALE,
    limits: { messages: config.PIGEON_WINDTUNNEL_KEEP_MESSAGES, bytes: RAW_BYTES },
    afterwards: {
      on: config.PIGEON_WINDTUNNEL_AFTERWARDS,
      publicUrl: config.PIGEON_PUBLIC_URL ?? '',
      returnPort: config.PIGEON_INBOUND_PORT,
    },
  })
}

/** Raw messages on disk at most. */
const RAW_BYTES = 512 * 1024 * 1024
