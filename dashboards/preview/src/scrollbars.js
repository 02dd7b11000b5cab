import * as library from "../node_modules/react-custom-scrollbars-2/lib/index.js";

const inner = library.default;
export const Scrollbars = library.Scrollbars ?? inner?.Scrollbars ?? inner?.default ?? inner;
export default Scrollbars;
