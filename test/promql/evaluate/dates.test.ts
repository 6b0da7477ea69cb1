/** Functions of dates, also far from 1970. */
import { holds } from './holds.ts';

describe('dates', () => {
  it('are those of the Gregorian calendar, before and after what JavaScript knows', async () => {
    await holds(`
      eval instant at 0 year(vector(-1))
        {} 1969

      eval instant at 0 year(vector(95617584000))
        {} 5000

      eval instant at 0 day_of_year(vector(95617584000))
        {} 1

      eval instant at 0 year(vector(9e12))
        {} 287168

      eval instant at 0 days_in_month(vector(8916100448256))
        {} 31

      eval instant at 0 month(vector(Inf))
        {} NaN
    `);
  });
});
