-- A message that had ended waits again: the event takes back the end of the same attempt.
alter table email_events modify column event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5,
  'failed' = 6, 'suppressed' = 7, 'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12, 'requeued' = 13);
alter table campaign_metrics modify column event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5,
  'failed' = 6, 'suppressed' = 7, 'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12, 'requeued' = 13);
alter table deliverability_metrics modify column event_type Enum8('accepted' = 1, 'sent' = 2, 'delivered' = 3, 'deferred' = 4, 'bounced' = 5,
  'failed' = 6, 'suppressed' = 7, 'cancelled' = 8, 'opened' = 9, 'clicked' = 10, 'complained' = 11, 'unsubscribed' = 12, 'requeued' = 13);
