{"name":"a.b","type":1,"metric":[{"label":[{"name":"x","value":"1"}],"gauge":{"value":1}}]}
{"name":"a_b","type":1,"metric":[{"label":[{"name":"x","value":"1"}],"gauge":{"value":2}},{"label":[{"name":"x","value":"2"}],"gauge":{"value":3}}]}
{"name":"c","type":1,"metric":[{"label":[{"name":"x.y","value":"1"}],"gauge":{"value":4}},{"label":[{"name":"x_y","value":"1"}],"gauge":{"value":5}}]}
