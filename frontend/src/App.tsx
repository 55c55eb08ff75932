import { Archive, Flower2, Keyboard, MessageCircleHeart, Settings2, X } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { Link, Route, Switch, useLocation } from "wouter";

import { conversation, useConversation } from "./conversation/useConversation";
import { Talk } from "./views/Talk";

const Chat = lazy(() => import("./views/Chat"));
const Memories = lazy(() => import("./views/Memories"));
const Conversations = lazy(() => import("./views/Conversations"));
const Settings = lazy(() => import("./views/Settings"));
const Safety = lazy(() => import("./views/Safety"));

const PLACES = [
  { path: "/", name: "Speak", icon: Flower2 },
  { path: "/write", name: "Write", icon: Keyboard },
  { path: "/memories", name: "Memory", icon: MessageCircleHeart },
  { path: "/conversations", name: "Past", icon: Archive },
  { path: "/settings", name: "Settings", icon: Settings2 },
];

export function App() {
  const [path] = useLocation();
  useEffect(() => {
    const name = path === "/safety" ? "Safety" : PLACES.find((one) => one.path === path)?.name;
    document.title = name && path !== "/" ? `${name} · Rose` : "Rose";
  }, [path]);

  return (
    <div className="app">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <nav className="nav" aria-label="Rose">
        <span className="name" aria-hidden="true">
          Rose
        </span>
        {PLACES.map(({ path: to, name, icon: Icon }) => (
          <Link key={to} href={to} aria-current={path === to ? "page" : undefined}>
            <Icon size={22} strokeWidth={1.6} aria-hidden="true" />
            {name}
          </Link>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        <Notice />
        <Suspense fallback={<p className="empty">One moment…</p>}>
          <Switch>
            <Route path="/" component={Talk} />
            <Route path="/write" component={Chat} />
            <Route path="/memories" component={Memories} />
            <Route path="/conversations" component={Conversations} />
            <Route path="/settings" component={Settings} />
            <Route path="/safety" component={Safety} />
            <Route>
              <div className="page">
                <h1>There is nothing here</h1>
                <p>
                  <Link href="/">Go back to Rose</Link>
                </p>
              </div>
            </Route>
          </Switch>
        </Suspense>
      </main>
    </div>
  );
}

function Notice() {
  const { notice, reachable } = useConversation();
  return (
    <div role="status" aria-live="polite">
      {!reachable ? (
        <p className="notice plain">Rose can’t be reached. Trying again; nothing that was said is lost.</p>
      ) : notice ? (
        <p className="notice">
          {notice}
          <button className="icon-button small" aria-label="Close this message" onClick={() => conversation.tell(null)}>
            <X size={16} aria-hidden="true" />
          </button>
        </p>
      ) : null}
    </div>
  );
}
