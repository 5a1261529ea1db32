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
    id: "sheets",
    symbol: "scales",
    group: "measure",
    key: "h",
    load: () => import("./sheets/screen.js"),
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
