import { useSyncExternalStore } from 'react';
import { currentNetwork, subscribeToNetwork, type Network } from '../lib/connectivity';

export function useNetwork(): Network {
  return useSyncExternalStore(subscribeToNetwork, currentNetwork);
}
