import type { Command } from '#command.ts'
import { alerts } from '#commands/alerts.ts'
import { apiKeys } from '#commands/api-keys.ts'
import { auditLog } from '#commands/audit-log.ts'
import { bounces } from '#commands/bounces.ts'
import { campaignReports } from '#commands/campaign-reports.ts'
import { campaigns } from '#commands/campaigns.ts'
import { contacts } from '#commands/contacts.ts'
import { daemon } from '#commands/daemon.ts'
import { demo } from '#commands/demo.ts'
import { domains } from '#commands/domains.ts'
import { explain, rehearse } from '#commands/explain.ts'
import { lanes } from '#commands/lanes.ts'
import { lists } from '#commands/lists.ts'
import { login } from '#commands/login.ts'
import { logout } from '#commands/logout.ts'
import { mailer } from '#commands/mailer.ts'
import { messages } from '#commands/messages.ts'
import { pools } from '#commands/pools.ts'
import { queue } from '#commands/queue.ts'
import { reconcile } from '#commands/reconcile.ts'
import { routes } from '#commands/routes.ts'
import { sandbox } from '#commands/sandbox.ts'
import { sources } from '#commands/sources.ts'
import { suppressions } from '#commands/suppressions.ts'
import { templates } from '#commands/templates.ts'
import { up } from '#commands/up.ts'

/** Every command, in the order of the help: a noun has its file in commands/. */
export const COMMANDS: readonly Command[] = [
  up,
  login,
  logout,
  ...domains,
  ...lists,
  ...contacts,
  ...suppressions,
  ...templates,
  ...campaigns,
  ...campaignReports,
  ...messages,
  explain,
  rehearse,
  ...sandbox,
  ...sources,
  ...pools,
  ...routes,
  mailer,
  ...lanes,
  ...queue,
  alerts,
  auditLog,
  bounces,
  ...daemon,
  ...apiKeys,
  reconcile,
  demo,
]
