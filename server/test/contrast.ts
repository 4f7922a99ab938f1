import type { Page } from 'playwright-core'

export interface Contrast {
  readonly text: string
  /** WCAG 2.2: from 1 to 21; text needs 4.5. */
  readonly ratio: number
}

/** Red, green, blue from 0 to 255, and alpha from 0 to 1. */
type Colour = readonly [number, number, number, number]

const WHITE: Colour = [255, 255, 255, 1]

/**
 * One line a piece of visible text: its colour, the backgrounds behind it from the nearest on, and the text. In the
 * language of the browser, whose types are not known here.
 */
const READ_COLOURS = `[...document.querySelectorAll('body *')].flatMap((element) => {
  const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.textContent.trim()).join(' ').trim()
  if (text === '' || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('script, style')) return []
  const behind = []
  for (let at = element; at; at = at.parentElement) behind.push(getComputedStyle(at).backgroundColor)
  return [[getComputedStyle(element).color, ...behind].join(';') + '|' + text.slice(0, 60)]
})`

/**
 * The contrast of every piece of text that is to be seen, as the browser computes the colours. Translucent ones are
 * laid over what is behind them; pictures behind text and disabled controls are not considered.
 */
export async function textContrasts(page: Page): Promise<Contrast[]> {
  const lines = await page.evaluate<string[]>(READ_COLOURS)
  return lines.map((line) => {
    const end = line.indexOf('|')
    const [colour = WHITE, ...behind] = line.slice(0, end).split(';').map(parseColour)
    const background = behind.reduceRight((below, layer) => over(layer, below), WHITE)
    return { text: line.slice(end + 1), ratio: ratioOf(over(colour, background), background) }
  })
}

function parseColour(text: string): Colour {
  const numbers = /^rgba?\(([^)]+)\)$/
    .exec(text)?.[1]
    ?.split(/[\s,/]+/)
    .map(Number)
  const [red, green, blue, alpha = 1] = numbers ?? []
  if (red === undefined || green === undefined || blue === undefined)
    throw new Error(`The colour ${text} is not written as red, green and blue.`)
  return [red, green, blue, alpha]
}

function over([red, green, blue, alpha]: Colour, below: Colour): Colour {
  const mix = (above: number, under: number): number => above * alpha + under * (1 - alpha)
  return [mix(red, below[0]), mix(green, below[1]), mix(blue, below[2]), 1]
}

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function ratioOf(a: Colour, b: Colour): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].toSorted((x, y) => x - y)
  return (light + 0.05) / (dark + 0.05)
}

/** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminance([red, green, blue]: Colour): number {
  const linear = (channel: number): number => {
    const share = channel / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}
