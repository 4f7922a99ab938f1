import type { Static } from 'typebox'
import { campaignSettings } from './campaigns.ts'
import { clientSettings } from './client.ts'
import { deliverySettings } from './delivery.ts'
import { httpSettings } from './http.ts'
import { inboundSettings } from './inbound.ts'
import { platformSettings } from './platform.ts'
import { tlsSettings } from './tls.ts'
import { webhookSettings } from './webhooks.ts'
import { windtunnelSettings } from './windtunnel.ts'

/** Every section of settings, once. A new section becomes known, checked and documented by its line here. */
export const sections = {
  platform: platformSettings,
  http: httpSettings,
  delivery: deliverySettings,
  tls: tlsSettings,
  inbound: inboundSettings,
  campaigns: campaignSettings,
  webhooks: webhookSettings,
  windtunnel: windtunnelSettings,
  client: clientSettings,
} as const

export type PlatformSettings = Readonly<Static<typeof platformSettings>>
export type HttpSettings = Readonly<Static<typeof httpSettings>>
export type DeliverySettings = Readonly<Static<typeof deliverySettings>>
export type TlsSettings = Readonly<Static<typeof tlsSettings>>
export type InboundSettings = Readonly<Static<typeof inboundSettings>>
export type CampaignSettings = Readonly<Static<typeof campaignSettings>>
export type WebhookSettings = Readonly<Static<typeof webhookSettings>>
export type WindtunnelSettings = Readonly<Static<typeof windtunnelSettings>>

/** All that the server reads. A function that needs less takes the settings of its section. */
export type Config = PlatformSettings &
  HttpSettings &
  DeliverySettings &
  TlsSettings &
  InboundSettings &
  CampaignSettings &
  WebhookSettings &
  WindtunnelSettings

/** The sections of `Config`, for `loadConfig`. */
export const serverSections = [
  platformSettings,
  httpSettings,
  deliverySettings,
  tlsSettings,
  inboundSettings,
  campaignSettings,
  webhookSettings,
  windtunnelSettings,
] as const
