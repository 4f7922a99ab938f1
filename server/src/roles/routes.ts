import { registerAlerts } from '#alerts/alerts.routes.ts'
import { registerAnalytics } from '#analytics/analytics.routes.ts'
import { registerExports } from '#analytics/exports.routes.ts'
import type { ExportRouteDeps } from '#analytics/exports.routes.ts'
import { registerTlsReports } from '#tls-reports/tls-reports.routes.ts'
import { registerAudit } from '#audit/audit.routes.ts'
import { registerCampaigns } from '#campaigns/campaigns.routes.ts'
import type { CampaignRouteDeps } from '#campaigns/campaigns.routes.ts'
import { registerContacts } from '#contacts/contacts.routes.ts'
import { registerImports } from '#contacts/imports.routes.ts'
import type { ImportRouteDeps } from '#contacts/imports.routes.ts'
import { registerLists } from '#contacts/lists.routes.ts'
import { registerDomains } from '#domains/domains.routes.ts'
import type { VerifyDeps } from '#domains/verify-domain.ts'
import { registerExplain } from '#explain/explain.routes.ts'
import type { ExplainRouteDeps } from '#explain/explain.routes.ts'
import type { App } from '#http/app.ts'
import { registerApiKeys } from '#identity/api-keys.routes.ts'
import type { ApiKeyRouteDeps } from '#identity/api-keys.routes.ts'
import type { SetupDeps } from '#identity/create-owner.ts'
import { registerAuth, registerSetup } from '#identity/identity.routes.ts'
import type { LogInDeps } from '#identity/log-in.ts'
import { registerLanes } from '#lanes/lanes.routes.ts'
import { registerLive } from '#live/live.routes.ts'
import type { LiveRouteDeps } from '#live/live.routes.ts'
import { registerMessages, registerSandbox } from '#messages/messages.routes.ts'
import type { MessageRouteDeps } from '#messages/messages.routes.ts'
import { registerPools } from '#sources/pools.routes.ts'
import { registerRoutingRules } from '#sources/routing-rules.routes.ts'
import type { RoutingRuleDeps } from '#sources/routing-rules.routes.ts'
import { registerPrivacy } from '#privacy/privacy.routes.ts'
import type { PrivacyRouteDeps } from '#privacy/privacy.routes.ts'
import { registerRelayWebhooks } from '#relay-webhooks/relay-webhooks.routes.ts'
import type { RelayWebhookRouteDeps } from '#relay-webhooks/relay-webhooks.routes.ts'
import { registerSources } from '#sources/sources.routes.ts'
import type { SourceRouteDeps } from '#sources/sources.routes.ts'
import { registerQueue } from '#queue/queue.routes.ts'
import { registerSuppressions } from '#suppressions/suppressions.routes.ts'
import { registerSystem } from '#system/system.routes.ts'
import { registerTemplates } from '#templates/templates.routes.ts'
import type { TemplateDeps } from '#templates/write-template.ts'
import { registerTenant } from '#tenants/tenants.routes.ts'
import { registerTracking } from '#tracking/links.routes.ts'
import type { TrackingRouteDeps } from '#tracking/links.routes.ts'
import { registerTrackingSettings } from '#tracking/tracking-settings.routes.ts'
import type { TrackingSettingsDeps } from '#tracking/tracking-settings.ts'
import { registerWebhooks } from '#webhooks/webhooks.routes.ts'
import type { WebhookDeps } from '#webhooks/write-webhook.ts'
import { registerUnsubscribe } from '#tracking/tracking.routes.ts'
import type { UnsubscribeRouteDeps } from '#tracking/tracking.routes.ts'

export interface RouteDeps
  extends
    SetupDeps,
    LogInDeps,
    ApiKeyRouteDeps,
    VerifyDeps,
    ImportRouteDeps,
    TemplateDeps,
    CampaignRouteDeps,
    MessageRouteDeps,
    SourceRouteDeps,
    ExplainRouteDeps,
    RoutingRuleDeps,
    ExportRouteDeps,
    WebhookDeps,
    LiveRouteDeps,
    PrivacyRouteDeps,
    RelayWebhookRouteDeps,
    Omit<UnsubscribeRouteDeps, 'keys'>,
    Omit<TrackingRouteDeps, 'keys'>,
    TrackingSettingsDeps {}

/** Every route of the public API: what the api role serves, and what the contract is written from. */
export function registerRoutes(app: App, deps: RouteDeps): void {
  registerSetup(app, deps)
  registerAuth(app, deps)
  registerApiKeys(app, deps)
  registerTenant(app, deps)
  registerTrackingSettings(app, deps)
  registerDomains(app, deps)
  registerLists(app, deps)
  registerContacts(app, deps)
  registerImports(app, deps)
  registerPrivacy(app, deps)
  registerSuppressions(app, deps)
  registerTemplates(app, deps)
  registerCampaigns(app, deps)
  registerMessages(app, deps)
  registerExplain(app, deps)
  registerAnalytics(app, deps)
  registerExports(app, deps)
  registerSandbox(app, deps)
  registerSources(app, deps)
  registerPools(app, deps)
  registerRoutingRules(app, deps)
  registerLanes(app, deps)
  registerQueue(app, deps)
  registerAlerts(app, deps)
  registerTlsReports(app, deps)
  registerSystem(app, deps)
  registerAudit(app, deps)
  registerWebhooks(app, deps)
  registerRelayWebhooks(app, deps)
  registerUnsubscribe(app, deps)
  registerTracking(app, deps)
  registerLive(app, deps)
}
