// Builds the page. `cargo xtask dashboards` copies this folder to where the packages are.
import react from "@vitejs/plugin-react";
import path from "node:path";

export default {
  plugins: [react()],
  publicDir: false,
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  resolve: {
    alias: [
      { find: "react-router-dom-v5-compat", replacement: "react-router-dom" },
      // Its CommonJS build hides the named export from bundlers.
      { find: /^react-custom-scrollbars-2$/, replacement: path.resolve(import.meta.dirname, "src/scrollbars.js") },
    ],
    dedupe: ["react", "react-dom", "rxjs", "@grafana/data", "@grafana/ui", "@grafana/runtime", "@grafana/schema", "@grafana/i18n"],
  },
  build: { outDir: "page", emptyOutDir: true, chunkSizeWarningLimit: 20_000, reportCompressedSize: false },
  logLevel: "warn",
};
