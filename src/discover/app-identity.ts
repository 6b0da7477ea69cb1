/**
 * Which app an instance belongs to.
 */

/** The app of an instance: guids and names of organization, space and app. */
export interface AppIdentity {
  readonly organizationId: string;
  readonly spaceId: string;
  readonly appId: string;
  readonly organizationName: string;
  readonly spaceName: string;
  readonly appName: string;
}
