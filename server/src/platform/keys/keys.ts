/**
 * Keys of the installation. `encrypt` makes an AES-256-GCM envelope that names its key; `derive` gives a stable
 * 32-byte secret for one purpose (tokens, API-key hashes), by HKDF-SHA256 (RFC 5869) from the first key.
 */
export interface Keys {
  encrypt(plaintext: Buffer, context: string): Promise<Buffer>
  /** Rejects when the envelope was changed, belongs to another `context`, or names an unknown key. */
  decrypt(envelope: Buffer, context: string): Promise<Buffer>
  derive(purpose: string): Buffer
}
