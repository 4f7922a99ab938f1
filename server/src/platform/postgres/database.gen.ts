// Generated from the migrated database by `npm run generate`. Do not edit.
import type { ColumnType, Generated } from 'kysely'

export type CampaignStatus = 'draft' | 'scheduled' | 'sending' | 'paused' | 'sent' | 'cancelled'
export type DomainStatus = 'pending' | 'verified'
export type ExportState = 'queued' | 'running' | 'completed' | 'failed'
export type FeedbackKind = 'opened' | 'clicked' | 'complained' | 'unsubscribed'
export type ImportState = 'queued' | 'running' | 'completed' | 'failed'
export type ListStatus = 'active' | 'archived'
export type MessageClass = 'bulk' | 'transactional'
export type MessageState =
  | 'scheduled'
  | 'queued'
  | 'sending'
  | 'deferred'
  | 'delivered'
  | 'sent'
  | 'bounced'
  | 'failed'
  | 'suppressed'
  | 'cancelled'
export type QueueAction = 'flush' | 'purge' | 'retry'
export type SendingMode = 'sandbox' | 'live'
export type SourceKind = 'ip' | 'relay'
export type SourceStatus = 'active' | 'draining' | 'disabled'
export type SubscriptionStatus = 'subscribed' | 'unsubscribed'
export type SuppressionReason = 'unsubscribed' | 'hard_bounce' | 'complaint' | 'manual' | 'soft_bounce'
export type TenantStatus = 'active' | 'suspended'
export type UserRole = 'owner' | 'admin' | 'editor' | 'viewer'
export type UserStatus = 'active' | 'disabled'
export type WebhookDeliveryState = 'pending' | 'delivered' | 'failed'

export interface AlertsTable {
  id: Generated<string>
  kind: string
  mode: SendingMode
  provider: string
  source_id: string
  source: string
  text: string
  times: Generated<number>
  raised_at: Date
  updated_at: Date
  resolved_at: Date | null
}

export interface ApiKeysTable {
  id: Generated<string>
  tenant_id: string
  user_id: string
  name: string
  prefix: string
  key_hash: Buffer
  mode: SendingMode
  scopes: string[]
  expires_at: Date | null
  last_used_at: Date | null
  revoked_at: Date | null
  created_at: Date
}

export interface AuditEntriesTable {
  id: Generated<string>
  tenant_id: string
  at: Date
  user_id: string
  api_key_id: string | null
  address: string
  action: string
  subject: string
  before: ColumnType<unknown, string | null | undefined, string | null>
  after: ColumnType<unknown, string | null | undefined, string | null>
}

export interface BounceStrikesTable {
  tenant_id: string
  mode: SendingMode
  address_key: string
  ambiguous_at: Date | null
  soft_at: Generated<Date[]>
  updated_at: Date
}

export interface CampaignFeedbackTable {
  campaign_id: string
  tenant_id: string
  kind: FeedbackKind
  by_machine: boolean
  messages: number
  events: number
  first_at: Date
  last_at: Date
}

export interface CampaignPartsTable {
  campaign_id: string
  tenant_id: string
  part: number
  cursor: string
  until: string | null
  completed_at: Date | null
}

export interface CampaignTalliesTable {
  campaign_id: string
  tenant_id: string
  provider: string
  state: MessageState
  class: string
  retried: boolean
  count: number
  first_at: Date
  last_at: Date
}

export interface CampaignsTable {
  id: Generated<string>
  tenant_id: string
  name: string
  status: Generated<CampaignStatus>
  list_id: string | null
  template_id: string | null
  template_version: number | null
  subject: string | null
  from_email: string
  from_name: string | null
  reply_to: string | null
  mode: SendingMode | null
  scheduled_local: string | null
  time_zone: string | null
  scheduled_at: Date | null
  missed_at: Date | null
  problem: string | null
  started_at: Date | null
  paused_at: Date | null
  cancelled_at: Date | null
  completed_at: Date | null
  fanout_completed_at: Date | null
  accepted: Generated<number>
  created_at: Date
  updated_at: Date
  fanout_parts_left: number | null
  pool_id: string | null
  message_class: Generated<MessageClass>
  expires_after_minutes: number | null
  track_opens: boolean | null
  track_clicks: boolean | null
}

export interface ContactsTable {
  id: Generated<string>
  tenant_id: string
  email: string
  email_key: string
  first_name: string | null
  last_name: string | null
  attributes: ColumnType<unknown, string | undefined, string>
  created_at: Date
  updated_at: Date
  last_import_id: string | null
}

export interface DeliveriesTable {
  message_id: string
  tenant_id: string
  queue_id: string
  contact_id: string | null
  mode: SendingMode
  domain: string
  shard: number | null
  attempt: Generated<number>
  due_at: Date
  expires_at: Date | null
  claimed_epoch: number | null
  destination: number | null
  last_source: string | null
  last_reply: ColumnType<unknown, string | null | undefined, string | null>
}

export interface DestinationsTable {
  id: ColumnType<number, never, never>
  mode: SendingMode
  provider: string
  shard: number
  first_seen_at: Date
  epoch: Generated<number>
  allowed_total: Generated<number>
  claimed_total: Generated<number>
  stopped: Generated<boolean>
}

export interface DkimKeysTable {
  id: Generated<string>
  tenant_id: string
  domain_id: string
  selector: string
  algorithm: string
  public_key: string
  private_key_encrypted: Buffer
  created_at: Date
}

export interface DomainsTable {
  id: Generated<string>
  tenant_id: string
  name: string
  status: Generated<DomainStatus>
  verified_at: Date | null
  last_checked_at: Date | null
  last_check: ColumnType<unknown, string | null | undefined, string | null>
  created_at: Date
  verified_in: SendingMode | null
}

export interface ExportsTable {
  id: Generated<string>
  tenant_id: string
  format: string
  filter: ColumnType<unknown, string, string>
  state: Generated<ExportState>
  rows_total: number | null
  rows_done: Generated<number>
  size_bytes: number | null
  failures: Generated<number>
  worker: string | null
  lease_until: Date | null
  error: string | null
  created_at: Date
  started_at: Date | null
  completed_at: Date | null
  expires_at: Date | null
}

export interface FeedbackSeenTable {
  id: string
  seen_at: Date
}

export interface HistoryLoadsTable {
  topic: string
  partition: number
  from_offset: number
  to_offset: number
}

export interface IdempotencyKeysTable {
  tenant_id: string
  scope: string
  key: string
  body_hash: Buffer
  status: number
  response: ColumnType<unknown, string, string>
  created_at: Date
}

export interface ImportRejectsTable {
  import_id: string
  tenant_id: string
  line: number
  code: string
  reason: string
  raw: string
}

export interface ImportsTable {
  id: Generated<string>
  tenant_id: string
  list_id: string
  file_name: string
  object_key: string
  size_bytes: number
  state: Generated<ImportState>
  on_existing: string
  mapping: ColumnType<unknown, string | null | undefined, string | null>
  dialect: ColumnType<unknown, string | null | undefined, string | null>
  byte_offset: Generated<number>
  line: Generated<number>
  rows_read: Generated<number>
  rows_created: Generated<number>
  rows_updated: Generated<number>
  rows_skipped: Generated<number>
  rows_duplicate: Generated<number>
  rows_rejected: Generated<number>
  rows_suppressed: Generated<number>
  worker: string | null
  lease_until: Date | null
  error: string | null
  created_at: Date
  started_at: Date | null
  completed_at: Date | null
}

export interface LaneComplaintsTable {
  mode: SendingMode
  provider: string
  source: string
  day: string
  count: number
}

export interface LaneOrdersTable {
  id: Generated<string>
  mode: SendingMode
  provider: string
  source_id: string | null
  paused: string | null
  messages_per_minute: number | null
  until: Date | null
  probe_at: Date | null
  created_at: Date
}

export interface LanesTable {
  mode: SendingMode
  provider: string
  source_id: string
  source: string
  state: string
  reason: string | null
  until: Date | null
  memory: ColumnType<unknown, string, string>
  warming: boolean
  budget_left: number | null
  per_minute: number
  refused_share: number
  active: number
  connections: number
  max_connections: number | null
  since: Date
  updated_at: Date
  limits: ColumnType<unknown, string | null | undefined, string | null>
}

export interface ListCountsTable {
  id: ColumnType<number, never, never>
  list_id: string
  tenant_id: string
  subscribed: number
  unsubscribed: number
}

export interface ListsTable {
  id: Generated<string>
  tenant_id: string
  name: string
  description: string | null
  status: Generated<ListStatus>
  created_at: Date
  updated_at: Date
  is_public: Generated<boolean>
}

export interface MessageFeedbackTable {
  message_id: string
  tenant_id: string
  kind: FeedbackKind
  by_machine: boolean
  first_at: Date
}

export interface MessagesTable {
  id: string
  tenant_id: string
  campaign_id: string | null
  contact_id: string | null
  recipient: string
  state: MessageState
  mode: SendingMode
  in_doubt: Generated<boolean>
  provider: Generated<string>
  attempts: Generated<number>
  code: number | null
  enhanced: string | null
  class: string | null
  reply: string | null
  created_at: Date
  updated_at: Date
  source: Generated<string>
  bounced_from: MessageState | null
  requeued_after: Generated<number>
}

export interface MtaStsPoliciesTable {
  mode: SendingMode
  domain: string
  policy_id: string
  policy_mode: string
  mx: string[]
  max_age_seconds: number
  fetched_at: Date
  expires_at: Date
}

export interface OutboxTable {
  id: Generated<string>
  tenant_id: string
  topic: string
  partition: number
  payload: ColumnType<unknown, string, string>
  created_at: Date
}

export interface PoolClassesTable {
  message_class: MessageClass
  pool_id: string
}

export interface PoolSourcesTable {
  pool_id: string
  source_id: string
  weight: number
}

export interface PoolsTable {
  id: Generated<string>
  name: string
  overflow_pool_id: string | null
  created_at: Date
  updated_at: Date
}

export interface ProviderEndingsTable {
  mode: SendingMode
  provider: string
  at: Date
  ended: number
  unknown_user: number
}

export interface QueueOrdersTable {
  id: Generated<string>
  tenant_id: string
  action: QueueAction
  mode: SendingMode | null
  provider: string | null
  destination: number | null
  campaign_id: string | null
  done: Generated<number>
  created_at: Date
  completed_at: Date | null
  cursor: string | null
}

export interface RelayWebhooksTable {
  source_id: string
  verification: Buffer | null
  last_received_at: Date | null
  created_at: Date
  updated_at: Date
}

export interface ReturnedMailsTable {
  id: string
  received_at: Date
  via: string
  why: string
  mail_from: string
  recipients: string[]
  octets: number
  content: Buffer
}

export interface RoutesTable {
  mode: SendingMode
  domain: string
  provider: string
  shard: number
  resolved_at: Date
  expires_at: Date
  destination: number
}

export interface RoutingRulesTable {
  id: Generated<string>
  position: number
  tenant_ids: string[] | null
  campaign_ids: string[] | null
  message_classes: MessageClass[] | null
  providers: string[] | null
  from_domains: string[] | null
  pool_id: string
  created_at: Date
  updated_at: Date
}

export interface SchemaMigrationsTable {
  number: number
  name: string
  sha256: string
  breaking: boolean
  applied_at: Date
}

export interface SendingSwitchTable {
  id: Generated<boolean>
  stopped_at: Date | null
  reason: string | null
}

export interface SessionsTable {
  id: string
  tenant_id: string
  user_id: string
  created_at: Date
  expires_at: Date
  revoked_at: Date | null
}

export interface ShardsTable {
  id: number
  owner: string | null
  epoch: Generated<number>
  lease_until: Date | null
}

export interface SigningKeysTable {
  id: Generated<string>
  algorithm: string
  public_key: string
  private_key_encrypted: Buffer
  created_at: Date
}

export interface SourceSpendTable {
  source_id: string
  day: string
  messages: number
  spent_nano: number
}

export interface SourcesTable {
  id: Generated<string>
  name: string
  kind: SourceKind
  local_address: string | null
  ehlo_name: string | null
  relay_kind: string | null
  relay_config: ColumnType<unknown, string | null | undefined, string | null>
  relay_secret: Buffer | null
  status: Generated<SourceStatus>
  warm_up: Generated<boolean>
  warm_up_started_at: Date | null
  warm_up_curve: number[] | null
  ptr_name: string | null
  ptr_checked_at: Date | null
  ptr_problem: string | null
  created_at: Date
  updated_at: Date
  cost_per_thousand: number | null
  daily_cost_cap: number | null
  monthly_cost_cap: number | null
}

export interface StreamHeadTable {
  is_only: Generated<boolean>
  segment: number
}

export interface StreamOffsetsTable {
  topic: string
  group_name: string
  partition: number
  next_offset: Generated<number>
}

export interface StreamPartitionsTable {
  topic: string
  partition: number
  next_offset: Generated<number>
}

export interface StreamRecordsTable {
  segment: number
  topic: string
  partition: number
  offset: number
  key: string
  payload: string
}

export interface SubscriptionsTable {
  list_id: string
  contact_id: string
  tenant_id: string
  status: SubscriptionStatus
  subscribed_at: Date
  unsubscribed_at: Date | null
}

export interface SuppressionsTable {
  id: Generated<string>
  tenant_id: string
  address_key: string
  list_id: string | null
  reason: SuppressionReason
  message_id: string | null
  note: string | null
  created_at: Date
  expires_at: Date | null
  mode: SendingMode | null
  held_at: Date | null
}

export interface TemplateVersionsTable {
  template_id: string
  version: number
  tenant_id: string
  subject: string
  html: string | null
  mjml: string | null
  text: string | null
  variables: ColumnType<unknown, string | undefined, string>
  compiled: ColumnType<unknown, string, string>
  created_at: Date
}

export interface TemplatesTable {
  id: Generated<string>
  tenant_id: string
  name: string
  category: string | null
  version: number
  is_active: Generated<boolean>
  created_at: Date
  updated_at: Date
}

export interface TenantsTable {
  tenant_id: Generated<string>
  name: string
  status: Generated<TenantStatus>
  mode: Generated<SendingMode>
  time_zone: Generated<string>
  settings: ColumnType<unknown, string | undefined, string>
  created_at: Date
  updated_at: Date
  pool_id: string | null
  track_opens: Generated<boolean>
  track_clicks: Generated<boolean>
  tracking_privacy: Generated<boolean>
  tracking_host: string | null
  tracking_host_verified_at: Date | null
}

export interface TlsReportsTable {
  mode: SendingMode
  day: string
  domain: string
  report_id: Generated<string>
  state: string
  destinations: string[]
  body: Buffer | null
  attempts: Generated<number>
  next_at: Date
  sent_to: string | null
  error: string | null
  created_at: Date
}

export interface TlsSessionCountsTable {
  mode: SendingMode
  day: string
  domain: string
  policy_hash: string
  result: string
  reason: string
  mx_host: string
  receiving_ip: string
  sending_ip: string
  policy: ColumnType<unknown, string, string>
  sessions: number
}

export interface UsersTable {
  id: Generated<string>
  tenant_id: string
  email: string
  email_key: string
  password_hash: string
  first_name: string | null
  last_name: string | null
  role: UserRole
  status: Generated<UserStatus>
  created_at: Date
  updated_at: Date
}

export interface WebhookAttemptsTable {
  delivery_id: string
  number: number
  tenant_id: string
  url: string
  at: Date
  duration_ms: number
  status: number | null
  response: string | null
  error: string | null
}

export interface WebhookDeliveriesTable {
  id: Generated<string>
  tenant_id: string
  webhook_id: string
  event: string
  subject_id: string
  seq: ColumnType<number, never, never>
  payload: string
  state: Generated<WebhookDeliveryState>
  tries: Generated<number>
  attempts: Generated<number>
  due_at: Date
  last_status: number | null
  last_error: string | null
  created_at: Date
  completed_at: Date | null
}

export interface WebhooksTable {
  id: Generated<string>
  tenant_id: string
  url: string
  description: string | null
  events: string[] | null
  secret: Buffer
  previous_secret: Buffer | null
  previous_secret_until: Date | null
  disabled_at: Date | null
  disabled_reason: string | null
  failing_since: Date | null
  worker: string | null
  lease_until: Date | null
  deleted_at: Date | null
  created_at: Date
  updated_at: Date
}

export interface DB {
  alerts: AlertsTable
  api_keys: ApiKeysTable
  audit_entries: AuditEntriesTable
  bounce_strikes: BounceStrikesTable
  campaign_feedback: CampaignFeedbackTable
  campaign_parts: CampaignPartsTable
  campaign_tallies: CampaignTalliesTable
  campaigns: CampaignsTable
  contacts: ContactsTable
  deliveries: DeliveriesTable
  destinations: DestinationsTable
  dkim_keys: DkimKeysTable
  domains: DomainsTable
  exports: ExportsTable
  feedback_seen: FeedbackSeenTable
  history_loads: HistoryLoadsTable
  idempotency_keys: IdempotencyKeysTable
  import_rejects: ImportRejectsTable
  imports: ImportsTable
  lane_complaints: LaneComplaintsTable
  lane_orders: LaneOrdersTable
  lanes: LanesTable
  list_counts: ListCountsTable
  lists: ListsTable
  message_feedback: MessageFeedbackTable
  messages: MessagesTable
  mta_sts_policies: MtaStsPoliciesTable
  outbox: OutboxTable
  pool_classes: PoolClassesTable
  pool_sources: PoolSourcesTable
  pools: PoolsTable
  provider_endings: ProviderEndingsTable
  queue_orders: QueueOrdersTable
  relay_webhooks: RelayWebhooksTable
  returned_mails: ReturnedMailsTable
  routes: RoutesTable
  routing_rules: RoutingRulesTable
  schema_migrations: SchemaMigrationsTable
  sending_switch: SendingSwitchTable
  sessions: SessionsTable
  shards: ShardsTable
  signing_keys: SigningKeysTable
  source_spend: SourceSpendTable
  sources: SourcesTable
  stream_head: StreamHeadTable
  stream_offsets: StreamOffsetsTable
  stream_partitions: StreamPartitionsTable
  stream_records: StreamRecordsTable
  subscriptions: SubscriptionsTable
  suppressions: SuppressionsTable
  template_versions: TemplateVersionsTable
  templates: TemplatesTable
  tenants: TenantsTable
  tls_reports: TlsReportsTable
  tls_session_counts: TlsSessionCountsTable
  users: UsersTable
  webhook_attempts: WebhookAttemptsTable
  webhook_deliveries: WebhookDeliveriesTable
  webhooks: WebhooksTable
}
