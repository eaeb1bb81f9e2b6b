/// The page of `GET /docs`, which shows `/openapi.json`. It loads nothing from elsewhere, and sets text as text.
enum DocumentationPage {
  static let html = """
    <!doctype html>
    <html lang="en">
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>infer-serve API</title>
    <style>\(style)</style>
    <h1>infer-serve</h1>
    <p id="about"></p>
    <input id="filter" type="search" placeholder="Filter by path or field" aria-label="Filter">
    <main id="main">Loading <a href="openapi.json">openapi.json</a> …</main>
    <script>\(script)</script>
    </html>
    """

  private static let style = """
    :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
    body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
    code, pre, textarea, .path { font-family: ui-monospace, monospace; font-size: .875rem }
    input, textarea { width: 100%; box-sizing: border-box; padding: .5rem; font-size: 1rem }
    details { border: 1px solid #8886; border-radius: .4rem; margin: .4rem 0; padding: .4rem .8rem }
    summary { cursor: pointer }
    table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
    td, th { border-bottom: 1px solid #8884; padding: .25rem .5rem; text-align: left; vertical-align: top }
    pre { overflow: auto; max-height: 24rem; white-space: pre-wrap; overflow-wrap: anywhere }
    .method { display: inline-block; min-width: 4rem; font-weight: 700 }
    """

  private static let script = #"""
    const element = (name, text, ...children) => {
      const node = document.createElement(name)
      if (text) node.textContent = text
      node.append(...children)
      return node
    }
    const bounds = s => [
      s.minimum !== undefined && `≥ ${s.minimum}`, s.exclusiveMinimum !== undefined && `> ${s.exclusiveMinimum}`,
      s.maximum !== undefined && `≤ ${s.maximum}`, s.minItems && `at least ${s.minItems}`,
      s.maxItems !== undefined && `at most ${s.maxItems}`].filter(Boolean).join(", ")
    const type = s => {
      if (s.anyOf) return s.anyOf.filter(a => a.type !== "null").map(type).join(" or ")
      if (s.enum) return s.enum.filter(v => v !== null).map(v => JSON.stringify(v)).join(" | ") || "null"
      const name = [s.type ?? "any"].flat().filter(t => t !== "null").join(" | ")
      const inner = name === "array" && s.items ? `array of ${type(s.items)}` : name
      return bounds(s) ? `${inner} (${bounds(s)})` : inner
    }
    const table = rows => element("table", "", ...rows.map(([name, schema, required]) => element("tr", "",
      element("td", "", element("code", name), required ? " *" : ""), element("td", "", element("code", type(schema))),
      element("td", schema.description ?? ""))))
    const example = (path, schema) => {
      const body = {}
      for (const name of schema.required ?? []) {
        body[name] = name === "messages" ? [{role: "user", content: "Hello"}]
          : [schema.properties[name].type].flat().includes("integer") || schema.properties[name].anyOf?.[0].type === "integer"
            ? 64 : name === "tokens" ? [1] : "Hello"
      }
      return JSON.stringify(body, null, 2)
    }
    const bodies = operation => {
      const schema = operation.requestBody?.content["application/json"].schema
      return schema ? schema.anyOf ?? [schema] : []
    }
    const form = (method, path, operation) => {
      const schema = bodies(operation)[0]
      const url = element("input"), body = element("textarea"), button = element("button", "Send"), answer = element("pre")
      url.value = path; url.setAttribute("aria-label", "Path")
      body.rows = 8; body.value = schema ? example(path, schema) : ""; body.setAttribute("aria-label", "Body")
      button.onclick = async () => {
        button.disabled = true
        answer.textContent = ""
        try {
          const headers = schema ? {"content-type": "application/json"} : {}
          const response = await fetch(url.value, {method, headers, body: schema ? body.value : undefined})
          answer.textContent = `${response.status}\n`
          const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
          for (let part = await reader.read(); !part.done; part = await reader.read()) answer.textContent += part.value
        } catch (error) { answer.textContent += error }
        button.disabled = false
      }
      return element("details", "", element("summary", "Try it"), url, ...(schema ? [body] : []), button, answer)
    }
    const show = (method, path, operation, spellings) => {
      const section = element("details", "",
        element("summary", "", element("span", method.toUpperCase()), element("code", path), ` — ${operation.summary}`))
      section.querySelector("span").className = "method"
      if (spellings.length) section.append(element("p", `Also ${spellings.join(", ")}.`))
      if (operation.parameters) section.append(element("h4", "Parameters"),
        table(operation.parameters.map(p => [`${p.name} (${p.in})`, p.schema, p.required])))
      for (const schema of bodies(operation)) section.append(element("h4", "Body"), table(
        Object.entries(schema.properties).map(([name, field]) => [name, field, schema.required?.includes(name)])))
      const answers = Object.entries(operation.responses)
      section.append(element("h4", "Answers"), element("table", "", ...answers.map(([status, answer]) => element("tr", "",
        element("td", status), element("td", "", element("code", Object.keys(answer.content ?? {}).join(", "))),
        element("td", answer.description)))))
      const told = operation.responses["200"].content["application/json"]?.schema
      if (told?.properties) section.append(
        table(Object.entries(told.properties).map(([name, field]) => [name, field, told.required?.includes(name)])))
      section.append(form(method.toUpperCase(), path, operation))
      section.dataset.text = section.textContent.toLowerCase()
      return section
    }
    const main = document.getElementById("main")
    fetch("openapi.json").then(answer => answer.json()).then(api => {
      document.getElementById("about").textContent = `Version ${api.info.version}. ${api.info.description}`
      main.textContent = ""
      const reference = path => "#/paths/" + path.replaceAll("/", "~1")
      const groups = new Map()
      for (const [path, item] of Object.entries(api.paths)) {
        if (item.$ref) continue
        const spellings = Object.keys(api.paths).filter(other => api.paths[other].$ref === reference(path))
        for (const [method, operation] of Object.entries(item)) {
          const tag = operation.tags[0]
          if (!groups.has(tag)) groups.set(tag, element("section", "", element("h2", tag)))
          groups.get(tag).append(show(method, path, operation, spellings))
        }
      }
      main.append(...groups.values())
    }).catch(error => { main.textContent = `openapi.json cannot be read: ${error}` })
    document.getElementById("filter").oninput = event => {
      const wanted = event.target.value.toLowerCase()
      for (const section of main.querySelectorAll("section > details")) section.hidden = !section.dataset.text.includes(wanted)
    }
    """#
}
