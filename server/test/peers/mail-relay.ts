/** Another mail server that takes messages and relays them all to one receiver. */
export interface MailRelay {
  /** Where it takes mail, on loopback. */
  readonly port: number
  /** Its processes: the roots of their trees. */
  readonly pids: readonly number[]
}

export interface RelayTo {
  readonly address: string
  readonly port: number
}
