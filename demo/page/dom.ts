/** The document, by id. The page is static: a missing element is a mistake. */

export function find<Found extends Element>(id: string, type: new () => Found): Found {
  const element = document.getElementById(id)
  if (element instanceof type) return element
  throw new Error(`The page has no ${type.name} #${id}`)
}

export function onPress(id: string, action: () => unknown): void {
  find(id, HTMLButtonElement).addEventListener('click', () => void action())
}

/** A checkbox or a select that was changed by hand. */
export function onSwitch(id: string, action: (isOn: boolean) => unknown): void {
  const box = find(id, HTMLInputElement)
  box.addEventListener('change', () => void action(box.checked))
}

export function onSelect(id: string, action: (value: string, label: string) => unknown): void {
  const select = find(id, HTMLSelectElement)
  select.addEventListener('change', () => void action(select.value, select.selectedOptions[0]?.label ?? ''))
}

/** Writes text only where it differs, so that screen readers do not repeat themselves. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
