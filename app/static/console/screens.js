// The screens in the order of the list. `group` heads them; `admin`: only admins see it; `listed`
// false: reached from another screen; `key`: after "g".

export const SCREENS = [
  {
    id: "replies",
    symbol: "list",
    group: "review",
    key: "r",
    load: () => import("./replies/screen.js"),
  },
  {
    id: "queue",
    symbol: "queue",
    group: "review",
    key: "q",
    load: () => import("./queue/screen.js"),
  },
  {
    id: "agreement",
    symbol: "scales",
    group: "measure",
    admin: false,
    key: "a",
    load: () => import("./agreement/screen.js"),
    id: "replay",
    symbol: "again",
    group: "review",
    listed: false,
    load: () => import("./replay/screen.js"),
  },
  {
    id: "export",
    symbol: "save",
    group: "house",
    admin: true,
    key: "x",
    load: () => import("./export/screen.js"),
  },
  {
    id: "operators",
    symbol: "people",
    group: "house",
    admin: true,
    key: "o",
    load: () => import("./operators/screen.js"),
  },
  {
    id: "audit",
    symbol: "log",
    group: "house",
    admin: true,
    key: "l",
    load: () => import("./audit/screen.js"),
  },
];
