import type { Habits } from './habits.schema.ts'
import type { Profile } from './profile.ts'
import { gmxWords, googleWords, microsoftWords, postfixWords, yahooWords } from './provider-words.ts'

const MIB = 1024 * 1024

const USUAL_HABITS: Habits = {
  unknown_user_share: 0,
  mailbox_full_share: 0,
  temporary_failure_share: 0,
  greylist_share: 0,
  greylist_delay_ms: 800,
  cut_share: 0,
  keep_cut_messages: false,
  slow_share: 0,
  slow_delay_ms: 400,
  step_delay_ms: 0,
  messages_per_second: 0,
  burst: 0,
  connections_per_address: 0,
  recipients_per_message: 100,
  max_message_bytes: 25 * MIB,
  refuses_bare_lf: false,
  keep_raw: true,
}

const google: Profile = {
  name: 'google',
  address: '127.10.1.1',
  host: 'mx.google.com',
  banner: 'mx.google.com ESMTP {id} - gsmtp',
  capabilities: ['SIZE', '8BITMIME', 'STARTTLS', 'ENHANCEDSTATUSCODES', 'PIPELINING', 'SMTPUTF8'],
  offersTls: true,
  domains: ['gmail.com', 'googlemail.com'],
  weight: 40,
  ownMx: [
    { preference: 5, exchange: 'gmail-smtp-in.l.google.com' },
    { preference: 10, exchange: 'alt1.gmail-smtp-in.l.google.com' },
    { preference: 20, exchange: 'alt2.gmail-smtp-in.l.google.com' },
    { preference: 30, exchange: 'alt3.gmail-smtp-in.l.google.com' },
    { preference: 40, exchange: 'alt4.gmail-smtp-in.l.google.com' },
  ],
  hostedMx: [
    { preference: 1, exchange: 'aspmx.l.google.com' },
    { preference: 5, exchange: 'alt1.aspmx.l.google.com' },
    { preference: 5, exchange: 'alt2.aspmx.l.google.com' },
    { preference: 10, exchange: 'alt3.aspmx.l.google.com' },
    { preference: 10, exchange: 'alt4.aspmx.l.google.com' },
  ],
  hostSuffixes: ['google.com'],
  accepted: '250 2.0.0 OK  {id} - gsmtp',
  words: googleWords,
  habits: {
    ...USUAL_HABITS,
    unknown_user_share: 0.006,
    mailbox_full_share: 0.002,
    temporary_failure_share: 0.004,
    messages_per_second: 1000,
    burst: 2000,
    connections_per_address: 50,
    max_message_bytes: 35_882_577,
  },
}

const microsoft: Profile = {
  name: 'microsoft',
  address: '127.10.1.2',
  host: 'DB5EUR01FT012.mail.protection.outlook.com',
  banner: 'DB5EUR01FT012.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready [{id}]',
  capabilities: ['SIZE', 'PIPELINING', 'DSN', 'ENHANCEDSTATUSCODES', 'STARTTLS', '8BITMIME', 'SMTPUTF8'],
  offersTls: true,
  domains: ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
  weight: 30,
  ownMx: [{ preference: 5, exchange: '{dashed}.olc.protection.outlook.com' }],
  hostedMx: [{ preference: 0, exchange: '{dashed}.mail.protection.outlook.com' }],
  hostSuffixes: ['protection.outlook.com'],
  accepted: '250 2.6.0 <{id}> [InternalId={id}, Hostname={host}] Queued mail for delivery',
  words: microsoftWords,
  habits: {
    ...USUAL_HABITS,
    unknown_user_share: 0.008,
    mailbox_full_share: 0.002,
    temporary_failure_share: 0.006,
    slow_share: 0.005,
    messages_per_second: 600,
    burst: 1500,
    connections_per_address: 40,
    max_message_bytes: 47 * MIB,
    refuses_bare_lf: true,
  },
}

const yahoo: Profile = {
  name: 'yahoo',
  address: '127.10.1.3',
  host: 'mtaproxy101.free.mail.ne1.yahoo.com',
  banner: 'mtaproxy101.free.mail.ne1.yahoo.com ESMTP ready',
  capabilities: ['PIPELINING', 'SIZE', '8BITMIME', 'ENHANCEDSTATUSCODES'],
  offersTls: false,
  domains: ['yahoo.com', 'aol.com', 'ymail.com'],
  weight: 12,
  ownMx: [
    { preference: 1, exchange: 'mta5.am0.yahoodns.net' },
    { preference: 1, exchange: 'mta6.am0.yahoodns.net' },
    { preference: 1, exchange: 'mta7.am0.yahoodns.net' },
  ],
  hostedMx: [{ preference: 20, exchange: 'mx-biz.mail.am0.yahoodns.net' }],
  hostSuffixes: ['yahoodns.net'],
  accepted: '250 OK , completed {id}',
  words: yahooWords,
  habits: {
    ...USUAL_HABITS,
    unknown_user_share: 0.008,
    mailbox_full_share: 0.004,
    temporary_failure_share: 0.01,
    messages_per_second: 400,
    burst: 1000,
    connections_per_address: 20,
    max_message_bytes: 40 * MIB,
  },
}

const gmx: Profile = {
  name: 'gmx',
  address: '127.10.1.4',
  host: 'gmx.net',
  banner: 'gmx.net (mxgmx{id}) Nemesis ESMTP Service ready',
  capabilities: ['8BITMIME', 'SIZE', 'PIPELINING', 'ENHANCEDSTATUSCODES'],
  offersTls: false,
  domains: ['gmx.net', 'gmx.de', 'gmx.at', 'gmx.com', 'web.de'],
  weight: 0,
  ownMx: [
    { preference: 10, exchange: 'mx00.gmx.net' },
    { preference: 10, exchange: 'mx01.gmx.net' },
  ],
  hostedMx: [{ preference: 10, exchange: 'mx00.gmx.net' }],
  hostSuffixes: ['gmx.net'],
  accepted: '250 2.0.0 Requested mail action okay, completed: id={id}',
  words: gmxWords,
  habits: {
    ...USUAL_HABITS,
    unknown_user_share: 0.006,
    mailbox_full_share: 0.003,
    messages_per_second: 300,
    burst: 800,
    connections_per_address: 20,
    max_message_bytes: 70 * MIB,
  },
}

const smallisp: Profile = {
  name: 'smallisp',
  address: '127.10.1.5',
  host: 'mx1.smallisp.example',
  banner: 'mx1.smallisp.example ESMTP Postfix',
  capabilities: ['PIPELINING', 'SIZE', 'ENHANCEDSTATUSCODES', '8BITMIME', 'DSN'],
  offersTls: false,
  domains: [
    'smallisp.example',
    'fjordnett.example',
    'alpenkabel.example',
    'costafibra.example',
    'prairienet.example',
  ],
  weight: 18,
  ownMx: [
    { preference: 10, exchange: 'mx1.{domain}' },
    { preference: 20, exchange: 'mx2.{domain}' },
  ],
  hostedMx: [
    { preference: 10, exchange: 'mx1.smallisp.example' },
    { preference: 20, exchange: 'mx2.smallisp.example' },
  ],
  hostSuffixes: ['smallisp.example'],
  accepted: '250 2.0.0 Ok: queued as {id}',
  words: postfixWords,
  habits: {
    ...USUAL_HABITS,
    unknown_user_share: 0.012,
    mailbox_full_share: 0.008,
    greylist_share: 1,
    cut_share: 0.003,
    messages_per_second: 200,
    burst: 500,
    connections_per_address: 10,
  },
}

const plain: Profile = {
  name: 'plain',
  address: '127.10.1.6',
  host: 'mx.plain.example',
  banner: 'mx.plain.example ESMTP',
  capabilities: ['PIPELINING', 'SIZE', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES'],
  offersTls: false,
  domains: ['plain.example', 'bench.example'],
  weight: 0,
  ownMx: [{ preference: 10, exchange: 'mx.{domain}' }],
  hostedMx: [{ preference: 10, exchange: 'mx.plain.example' }],
  hostSuffixes: ['plain.example'],
  accepted: '250 2.0.0 Ok: queued as {id}',
  words: postfixWords,
  habits: { ...USUAL_HABITS, recipients_per_message: 1000 },
}

/** Every simulated provider. Facts as seen from outside: host names, reply codes and words real servers use. */
export const profiles = [google, microsoft, yahoo, gmx, smallisp, plain] as const satisfies readonly Profile[]
