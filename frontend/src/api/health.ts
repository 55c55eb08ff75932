import { useQuery } from "@tanstack/react-query";

import { away, type Schemas } from "./client";

/** Asked for again while the engines are being loaded; a server that starts answers 503 with the same body. */
export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: async (): Promise<Schemas["Health"]> => {
      const response = await fetch("/api/health").catch(() => {
        throw away();
      });
      return response.json() as Promise<Schemas["Health"]>;
    },
    refetchInterval: ({ state }) => (state.data?.status === "ready" ? 30_000 : 2_000),
  });
}
