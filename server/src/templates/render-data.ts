/** A value that a contact, a sender or a request gives to a template: JSON. */
export type TemplateValue =
  | string
  | number
  | boolean
  | null
  | readonly TemplateValue[]
  | { readonly [name: string]: TemplateValue | undefined }

/** What a template sees, by name. */
export type TemplateData = { readonly [name: string]: TemplateValue | undefined }

/** One recipient of one message, as rendering needs it. */
export interface RenderRecipient {
  readonly email: string
  readonly firstName?: string | null
  readonly lastName?: string | null
  readonly attributes?: TemplateData
  readonly unsubscribeUrl?: string
  readonly campaignName?: string
}

/**
 * The data of a template: `contact` with the attributes, the same names at the top level for short (`{{ city }}`),
 * `unsubscribe_url` and `campaign.name`. Names of ours win over attributes of the same name; a field that is null or not
 * given is absent, so that a declared default takes its place.
 */
export function renderData(recipient: RenderRecipient): TemplateData {
  const contact: Record<string, TemplateValue | undefined> = { ...recipient.attributes }
  setOrDelete(contact, 'email', recipient.email)
  setOrDelete(contact, 'first_name', recipient.firstName)
  setOrDelete(contact, 'last_name', recipient.lastName)
  const data: Record<string, TemplateValue | undefined> = { ...contact, contact }
  setOrDelete(data, 'unsubscribe_url', recipient.unsubscribeUrl)
  data['campaign'] = recipient.campaignName === undefined ? {} : { name: recipient.campaignName }
  return data
}

/** A reserved name without a value must not fall through to an attribute that happens to have that name. */
function setOrDelete(
  data: Record<string, TemplateValue | undefined>,
  name: string,
  value: string | null | undefined,
): void {
  if (value === undefined || value === null) delete data[name]
  else data[name] = value
}
