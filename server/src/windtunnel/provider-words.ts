import type { ReplyTemplate, Situation } from './profile.ts'

type Words = Readonly<Record<Situation, ReplyTemplate>>

const say = (code: number, status: string, ...lines: string[]): ReplyTemplate => ({ code, status, lines })

/** A Postfix as it comes from the distribution: what most small servers say. */
export const postfixWords: Words = {
  unknown_user: say(
    550,
    '5.1.1',
    '<{recipient}>: Recipient address rejected: User unknown in virtual mailbox table',
  ),
  mailbox_full: say(
    452,
    '4.2.2',
    '<{recipient}>: Recipient address rejected: Mailbox is full / Quota exceeded',
  ),
  mailbox_still_full: say(
    552,
    '5.2.2',
    '<{recipient}>: Recipient address rejected: Mailbox is full / Quota exceeded',
  ),
  inactive: say(550, '5.2.1', '<{recipient}>: Recipient address rejected: This mailbox has been disabled'),
  greylisted: say(
    451,
    '4.7.1',
    '<{recipient}>: Recipient address rejected: Greylisted, please try again later',
  ),
  rate_limited: say(421, '4.7.0', '{host} Error: too many messages from {ip}, try again later'),
  too_many_connections: say(421, '4.7.0', '{host} Error: too many connections from {ip}'),
  temporary_failure: say(451, '4.3.0', '<{recipient}>: Temporary lookup failure'),
  rejected: say(550, '5.7.1', '<{recipient}>: Recipient address rejected: Access denied'),
  spam: say(554, '5.7.1', 'Message rejected as spam by content filtering'),
  blocked: say(554, '5.7.1', 'Service unavailable; Client host [{ip}] blocked using zen.dnsbl.example'),
  too_big: say(552, '5.3.4', 'Message size exceeds fixed limit'),
}

export const googleWords: Words = {
  unknown_user: say(
    550,
    '5.1.1',
    'The email account that you tried to reach does not exist. Please try',
    "double-checking the recipient's email address for typos or",
    'unnecessary spaces. For more information, go to',
    ' https://support.google.com/mail/?p=NoSuchUser {id} - gsmtp',
  ),
  mailbox_full: say(
    452,
    '4.2.2',
    "The recipient's inbox is out of storage space. Please direct the",
    'recipient to',
    ' https://support.google.com/mail/?p=OverQuotaTemp {id} - gsmtp',
  ),
  mailbox_still_full: say(
    552,
    '5.2.2',
    "The recipient's inbox is out of storage space and inactive.",
    'Please direct the recipient to',
    ' https://support.google.com/mail/?p=OverQuotaPerm {id} - gsmtp',
  ),
  inactive: say(
    550,
    '5.2.1',
    'The email account that you tried to reach is inactive. For more',
    'information, go to',
    ' https://support.google.com/mail/?p=DisabledUser {id} - gsmtp',
  ),
  greylisted: say(451, '4.7.1', 'Try again later. {id} - gsmtp'),
  rate_limited: say(
    421,
    '4.7.28',
    'Gmail has detected an unusual rate of mail originating from your',
    'IP address [{ip}]. To protect our users from spam, mail sent from your',
    'IP address has been temporarily rate limited. For more information, go to',
    ' https://support.google.com/mail/?p=UnsolicitedRateLimitError {id} - gsmtp',
  ),
  too_many_connections: say(
    421,
    '4.7.0',
    'Too many concurrent connections from {ip}, closing connection. {id} - gsmtp',
  ),
  temporary_failure: say(
    451,
    '4.3.0',
    'Mail server temporarily rejected message. For more information, go to',
    ' https://support.google.com/a/answer/3221692 {id} - gsmtp',
  ),
  rejected: say(
    550,
    '5.7.1',
    'The user or domain that you are sending to (or from) has a policy that',
    'prohibited the mail that you sent. For more information, go to',
    ' https://support.google.com/mail/?p=PolicyRejection {id} - gsmtp',
  ),
  spam: say(
    550,
    '5.7.1',
    '[{ip}] Gmail has detected that this message is',
    'likely unsolicited mail. To reduce the amount of spam sent to Gmail,',
    'this message has been blocked. For more information, go to',
    ' https://support.google.com/mail/?p=UnsolicitedMessageError {id} - gsmtp',
  ),
  blocked: say(
    550,
    '5.7.1',
    "[{ip}] The IP you're using to send mail is not authorized to",
    'send email directly to our servers. For more information, go to',
    ' https://support.google.com/mail/?p=NotAuthorizedError {id} - gsmtp',
  ),
  too_big: say(
    552,
    '5.3.4',
    "Your message exceeded Google's message size limits. For more",
    'information, go to',
    ' https://support.google.com/mail/?p=MaxSizeError {id} - gsmtp',
  ),
}

export const microsoftWords: Words = {
  ...postfixWords,
  unknown_user: say(550, '5.1.1', 'RESOLVER.ADR.RecipNotFound; not found [{host}]'),
  mailbox_full: say(452, '4.2.2', 'STOREDRV; mailbox is full and cannot take messages now [{host}]'),
  mailbox_still_full: say(
    552,
    '5.2.2',
    'STOREDRV.Deliver; mailbox full. The following information should help identify the cause: MapiExceptionShutoffQuotaExceeded [{host}]',
  ),
  inactive: say(550, '5.2.1', 'Mailbox cannot be accessed; mailbox is disabled [{host}]'),
  greylisted: say(451, '4.7.1', 'Access denied, please try again later [{host}]'),
  rate_limited: say(
    421,
    '4.7.0',
    'RP-001 The mail server IP [{ip}] has exceeded the rate limit allowed. Please try again later. See https://aka.ms/postmaster [{host}]',
  ),
  too_many_connections: say(
    421,
    '4.7.0',
    'Too many concurrent connections from {ip}, try again later (S77714) [{host}]',
  ),
  temporary_failure: say(451, '4.3.2', 'Temporary server error. Please try again later ATTR5 [{host}]'),
  rejected: say(550, '5.7.1', 'Recipient address rejected: Access denied. AS(201806281) [{host}]'),
  spam: say(550, '5.7.1', 'Service unavailable, message refused because of its content. AS(1430) [{host}]'),
  blocked: say(
    550,
    '5.7.1',
    "Unfortunately, messages from [{ip}] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140) [{host}]",
  ),
  too_big: say(552, '5.3.4', 'Message size exceeds fixed maximum message size [{host}]'),
}

export const yahooWords: Words = {
  ...postfixWords,
  unknown_user: say(
    550,
    '5.1.1',
    'Requested mail action aborted, mailbox not found: this user has no such account ({recipient})',
  ),
  mailbox_full: say(452, '4.2.2', 'Requested mail action delayed, mailbox of {recipient} is over its quota'),
  mailbox_still_full: say(
    552,
    '5.2.2',
    'Requested mail action aborted, mailbox of {recipient} is over its quota',
  ),
  inactive: say(
    550,
    '5.2.1',
    'delivery error: dd Sorry, your message to {recipient} cannot be delivered. This mailbox is disabled (554.30)',
  ),
  greylisted: say(451, '4.7.1', 'Message temporarily deferred - [160]'),
  rate_limited: say(
    421,
    '4.7.0',
    '[TSS04] Messages from {ip} temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes',
  ),
  too_many_connections: say(
    421,
    '4.7.0',
    '[CON01] Too many connections from {ip}; see https://postmaster.yahooinc.com/error-codes',
  ),
  temporary_failure: say(451, '4.3.0', 'Resources temporarily unavailable. Please try again later [#4.16.5]'),
  rejected: say(
    554,
    '5.7.9',
    'Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes',
  ),
  spam: say(
    554,
    '5.7.9',
    'Message not accepted for policy reasons (PH01). See https://postmaster.yahooinc.com/error-codes',
  ),
  blocked: say(
    553,
    '5.7.1',
    "[BL21] Connections will not be accepted from {ip}, because the ip is in Spamhaus's list; see https://postmaster.yahooinc.com/error-codes",
  ),
}

export const gmxWords: Words = {
  ...postfixWords,
  unknown_user: say(550, '5.1.1', 'Requested action not taken: mailbox unavailable'),
  mailbox_full: say(452, '4.2.2', 'Requested mail action aborted: exceeded storage allocation'),
  mailbox_still_full: say(
    552,
    '5.2.2',
    'Requested mail action aborted: exceeded storage allocation, quota exceeded',
  ),
  rate_limited: say(
    421,
    '4.7.0',
    'Service closing transmission channel, too many messages from {ip}. For explanation visit https://postmaster.gmx.net/en/error-messages',
  ),
  blocked: say(
    554,
    '5.7.1',
    'Transaction failed, reject due to policy restrictions: IP address {ip} is black listed. For explanation visit https://postmaster.gmx.net/en/error-messages',
  ),
}
