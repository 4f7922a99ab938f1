import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signRequest } from './sigv4.ts'

/** The credentials and the time of the test suite that AWS publishes for Signature Version 4. */
const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}
const scope = { region: 'us-east-1', service: 'service', now: new Date('2015-08-30T12:36:00Z') }
const FORM = 'application/x-www-form-urlencoded'

interface Vector {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly service?: string
  readonly signed: string
  readonly signature: string
}

const VECTORS: readonly Vector[] = [
  {
    name: 'get-vanilla',
    method: 'GET',
    url: 'https://example.amazonaws.com/',
    signed: 'host;x-amz-date',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    method: 'GET',
    url: 'https://example.amazonaws.com/?Param2=value2&Param1=value1',
    signed: 'host;x-amz-date',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'post-vanilla',
    method: 'POST',
    url: 'https://example.amazonaws.com/',
    signed: 'host;x-amz-date',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    url: 'https://example.amazonaws.com/',
    headers: { 'Content-Type': FORM },
    body: 'Param1=value1',
    signed: 'content-type;host;x-amz-date',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
  {
    name: 'the ListUsers example of the AWS general reference',
    method: 'GET',
    url: 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08',
    headers: { 'Content-Type': `${FORM}; charset=utf-8` },
    service: 'iam',
    signed: 'content-type;host;x-amz-date',
    signature: '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  },
]

for (const vector of VECTORS) {
  test(`the signature is that of the published example: ${vector.name}`, () => {
    const headers = signRequest(
      {
        method: vector.method,
        url: new URL(vector.url),
        headers: vector.headers ?? {},
        body: Buffer.from(vector.body ?? ''),
      },
      credentials,
      { ...scope, service: vector.service ?? scope.service },
    )
    assert.equal(
      headers['authorization'],
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/${vector.service ?? 'service'}/aws4_request, ` +
        `SignedHeaders=${vector.signed}, Signature=${vector.signature}`,
    )
    assert.equal(headers['x-amz-date'], '20150830T123600Z')
  })
}

test('the token of temporary credentials is sent and signed', () => {
  const request = { method: 'POST', url: new URL('https://h.example/'), headers: {}, body: Buffer.alloc(0) }
  const headers = signRequest(request, { ...credentials, sessionToken: 'SESSION' }, scope)
  assert.equal(headers['x-amz-security-token'], 'SESSION')
  assert.match(headers['authorization'] ?? '', /SignedHeaders=host;x-amz-date;x-amz-security-token,/)
})
