import type { Size } from './grid';

/** How much of a person's picture may be cut off, of its width or of its height: a quarter leaves every face whole that
 *  is anywhere near the middle, and fills a 4:3 tile with a 16:9 camera. */
export const MAX_CROP = 0.25;

/**
 * How large a picture is drawn in the middle of a place, in its own shape: filling the place where at most `crop` of the
 * picture is lost by that, else as large as that loss allows. With no crop it is letterboxed.
 */
export function drawn(picture: Size, place: Size, crop: number): Size {
  if (picture.width <= 0 || picture.height <= 0) return place;
  const across = place.width / picture.width;
  const down = place.height / picture.height;
  const whole = Math.min(across, down);
  const scale = Math.min(Math.max(across, down), whole / (1 - crop));
  return { width: picture.width * scale, height: picture.height * scale };
}
