// The page: a menu of the dashboards, and one of them drawn from its JSON.
import { createTheme, ThemeContext } from "@grafana/data";
import { initPluginTranslations } from "@grafana/i18n";
import { GlobalStyles, PortalContainer } from "@grafana/ui";
import { createRoot } from "react-dom/client";
import { MemoryRouter } from "react-router-dom";
import { install } from "./runtime";
import { scene } from "./scene";
import { journal, page } from "./sources";

const address = new URLSearchParams(location.search);
const light = address.get("theme") === "light";
const theme = createTheme({ colors: { mode: light ? "light" : "dark" } });

function Page({ menu, dashboard }: { menu: { name: string; title: string }[]; dashboard: any }) {
  const Scene = page.scene!.Component as any;
  const { background, text, primary } = theme.colors;
  return (
    <div style={{ padding: 16, minHeight: "100vh", boxSizing: "border-box", background: background.canvas, color: text.primary }}>
      <nav style={{ display: "flex", gap: 16, flexWrap: "wrap", marginBottom: 8 }}>
        {menu.map(({ name, title }) => (
          <a key={name} href={`/d/gantry-${name}${light ? "?theme=light" : ""}`} style={{ color: name === page.dashboard ? primary.text : text.secondary }}>
            {title.replace("Gantry / ", "")}
          </a>
        ))}
      </nav>
      <p style={{ color: text.secondary, margin: "0 0 8px" }}>{dashboard.description}</p>
      <Scene model={page.scene} />
    </div>
  );
}

async function draw() {
  // Texts are in the code; only their registration is needed.
  await initPluginTranslations("grafana-scenes").catch(() => undefined);
  const menu = await (await fetch("/api/dashboards")).json();
  page.dashboard = /^\/d\/gantry-([a-z]+)/.exec(location.pathname)?.[1] ?? menu[0].name;
  const dashboard = await (await fetch(`/api/dashboards/${page.dashboard}`)).json();
  install(theme);
  document.title = dashboard.title;
  page.scene = scene(dashboard, address);
  createRoot(document.getElementById("root")!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <MemoryRouter>
        <Page menu={menu} dashboard={dashboard} />
        <PortalContainer />
      </MemoryRouter>
    </ThemeContext.Provider>,
  );
  // The screenshots wait for this.
  (window as any).gantry = { journal, panels: dashboard.panels.length };
}

draw().catch((fault) => {
  journal.faults.push(String(fault));
  document.body.textContent = `The dashboard cannot be drawn: ${fault}`;
});
