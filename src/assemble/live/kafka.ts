/**
 * The try of Kafka: whether a broker answers, and whether the topic exists.
 */
import type { Config } from '../../config/config.ts';
import { SendError } from '../../telemetry/send-error.ts';
import { KAFKA_ADVICE } from '../events.ts';
import type { Ground } from '../ground.ts';
import { type Try, TryError } from './try.ts';

export function kafkaTries(
  { kafka }: Pick<Config, 'kafka'>,
  ground: Pick<Ground, 'authorities'>,
): Try[] {
  if (!kafka) return [];
  const run: Try['run'] = async (signal) => {
    const { KafkaThread } = await import('../../telemetry/kafka-thread.ts');
    const tls = kafka.tls && { ...kafka.tls, ca: await ground.authorities() };
    await using thread = new KafkaThread({ ...kafka, tls }, () => undefined);
    signal.addEventListener('abort', () => void thread[Symbol.asyncDispose](), { once: true });
    try {
      await thread.check();
    } catch (error) {
      const failure = error instanceof SendError ? error.failure : 'crashed';
      const message = error instanceof Error ? error.message : String(error);
      throw new TryError(message, KAFKA_ADVICE[failure](kafka), { cause: error });
    }
    return { state: 'ok', said: `the brokers answer, and know the topic ${kafka.topic}` };
  };
  return [{ name: `kafka ${kafka.brokers.join(' ')}`, run }];
}
