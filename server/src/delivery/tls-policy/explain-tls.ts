import type { TlsTry } from '#delivery/transport/tls-rule.ts'
import { refusalOf, type TlsDecision } from './tls-decision.ts'

/**
 * What decided how a message was protected on its way, and what became of it, in sentences for a person: first the
 * policy, then the hosts that were out of the question, then each try.
 */
export function explainTls(decision: TlsDecision, tries: readonly TlsTry[]): string[] {
  const refusal = refusalOf(decision)
  return [
    explainPolicy(decision),
    ...(decision.fault === null ? [] : [`The policy could not be had: ${decision.fault.text}.`]),
    ...(refusal === undefined
      ? decision.refused.map((host) => `Not used: ${host.failure.text}.`)
      : [`Not sent: ${refusal}`]),
    ...tries.map((one) => explainTry(decision, one)),
  ]
}

function explainPolicy({ policy, stsMode, domain, rules }: TlsDecision): string {
  if (policy.type === 'tlsa') {
    const isProof = [...rules.values()].some((rule) => rule.proof.kind === 'dane')
    return isProof
      ? `TLS is required by the TLSA records of the mail hosts of ${domain} (DANE).`
      : `Encryption is required by the TLSA records of the mail hosts of ${domain} (DANE); none of them can prove a certificate.`
  }
  if (stsMode === 'enforce') return `TLS is required by the MTA-STS policy of ${domain}.`
  if (stsMode === 'testing')
    return `The MTA-STS policy of ${domain} is in testing: TLS that cannot be verified is reported and used.`
  return `${domain} asks for nothing: TLS is used as the installation is set.`
}

function explainTry(decision: TlsDecision, one: TlsTry): string {
  const { mxHost, mxAddress, failure, protocol, cipher } = one
  const rule = decision.rules.get(mxHost)
  const how = [protocol, cipher].filter((part) => part !== null).join(', ')
  if (failure !== null) {
    const effect = rule?.isEnforced === true ? 'Not sent' : 'Sent all the same, if the host took it'
    return `${effect}: ${failure.text} (${mxHost} [${mxAddress}]).`
  }
  const proof = rule?.proof.kind === 'dane' ? 'its TLSA records' : 'a known authority'
  return one.isProven
    ? `The certificate of ${mxHost} [${mxAddress}] was verified by ${proof} (${how}).`
    : `The connection to ${mxHost} [${mxAddress}] was encrypted (${how}); nobody asked for a proof of its certificate.`
}
