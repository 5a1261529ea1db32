// The screens in the order of the list. `group` heads them; `admin`: only admins see it; `listed`
// false: reached from another screen; `key`: after "g".

export const SCREENS = [
  {
    id: "home",
    symbol: "home",
    group: "today",
    key: "h",
    load: () => import("./home/screen.js"),
  },
  {
    id: "replies",
    symbol: "list",
    group: "review",
    key: "r",
    load: () => import("./replies/screen.js"),
  },
  {
    id: "nights",
    symbol: "moon",
    group: "voice",
    key: "n",
    load: () => import("./nights/screen.js"),
  },
  {
    id: "versions",
    symbol: "branch",
    group: "voice",
    key: "v",
    load: () => import("./versions/screen.js"),
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
